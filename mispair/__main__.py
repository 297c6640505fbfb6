"""`python -m mispair`."""

from mispair.cli import main

main()
