"""Errors in the words that a person reads on stderr."""

import typer

from mispair.errors import MispairError, RefusedError


class StackError(MispairError):
    """The servers of `mispair up` cannot start or go on."""

    exit_code = 6


def show_error(error: Exception) -> None:
    """Print an error to stderr."""
    for line in describe_error(error):
        typer.echo(line, err=True)


def describe_error(error: Exception) -> list[str]:
    """An error in lines; what the server said about single fields follows when there is more than one."""
    lines = [f"mispair: {error}"]
    if isinstance(error, RefusedError):
        if len(error.faults) > 1:
            lines += [f"  {fault.loc}: {fault.detail}" for fault in error.faults]
        if error.request_id:
            lines.append(f"  request {error.request_id}")
    return lines
