"""Tables on stdout: drawn on a terminal, tab-separated lines for programs."""

import sys
from collections.abc import Iterable, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, no_tty: bool = False) -> None:
    """Print rows under headers.

    Captions and paths are other people's text: control characters in them are shown as `?`, so that none can steer
    the terminal or break a line in two.

    Args:
        headers: one a column.
        rows: cells; None is shown as nothing.
        no_tty: tab-separated even on a terminal.
    """
    if no_tty or not sys.stdout.isatty():
        for row in (headers, *rows):
            typer.echo("\t".join(printable(cell) for cell in row))
        return
    table = Table(*headers, header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)


def printable(cell: object) -> str:
    """One line of text without control characters."""
    text = "" if cell is None else str(cell)
    return "".join(character if character.isprintable() else "?" for character in text)
