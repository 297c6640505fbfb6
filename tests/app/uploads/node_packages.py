"""Packages for node, fetched for a test session."""

import subprocess
from pathlib import Path


def install(folder: Path, *packages: str) -> None:
    """Install packages with what they need into a folder."""
    options = ("--silent", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts")
    subprocess.run(["npm", "install", *options, *packages], cwd=folder, check=True, timeout=300)  # noqa: S607


def unpack(folder: Path, package: str) -> Path:
    """Fetch one package without what it needs; gives its folder."""
    fetched = subprocess.run(
        ["npm", "pack", "--silent", package],  # noqa: S607
        cwd=folder,
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
    )
    subprocess.run(["tar", "-xzf", fetched.stdout.split()[-1]], cwd=folder, check=True, timeout=60)  # noqa: S607
    return folder / "package"
