"""The `mispair` command."""

import sys

import typer

from mispair.commands.bench import bench
from mispair.commands.certify import certify
from mispair.commands.check import check
from mispair.commands.checks import checks
from mispair.commands.clean import clean
from mispair.commands.errors import show_error
from mispair.commands.keys import keys
from mispair.commands.repairs import repairs
from mispair.commands.report import report
from mispair.commands.run import run
from mispair.commands.search import search
from mispair.commands.up import up
from mispair.commands.upload import upload
from mispair.errors import MispairError

_EXIT_CODES = """Exit codes: 0 done, 1 unexpected failure, 2 wrong usage or no server known, 3 the server refused,
4 no server answers, 5 an import or a run failed, 6 the servers of `up` cannot start, 7 `check` warns,
130 interrupted."""

app = typer.Typer(
    name="mispair",
    help="Find the mismatched pairs in an image-caption corpus.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(up)
app.command()(check)
app.command()(clean)
app.command()(upload)
app.command()(run)
app.command()(report)
app.command()(repairs)
app.command()(checks)
app.command()(certify)
app.command()(search)
app.add_typer(keys, name="keys")
app.add_typer(bench, name="bench")


def main() -> None:
    """Run the command line; what goes wrong on purpose ends in words and an exit code, never in a traceback."""
    try:
        app()
    except MispairError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except OSError as error:  # a file of the user's that cannot be read or written
        if error.filename is None:
            raise
        show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
