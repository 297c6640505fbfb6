"""`mispair upload`: a corpus from an archive or a folder on disk."""

from pathlib import Path
from typing import Annotated

import typer

from mispair.commands.jobs import follow_import, upload_source
from mispair.commands.options import (
    CorpusArgument,
    CorpusFormatOption,
    DataOption,
    NoTtyOption,
    UrlOption,
    open_client,
)
from mispair.progress import open_progress
from mispair.upload_source import open_source


def upload(
    path: CorpusArgument,
    *,
    name: Annotated[str | None, typer.Option(help="Name of the corpus. Default: the file's.")] = None,
    append_to: Annotated[
        str | None,
        typer.Option("--append-to", metavar="CORPUS_ID", help="Add the rows to this corpus, as a new version of it."),
    ] = None,
    corpus_format: CorpusFormatOption = None,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Upload a corpus and wait until it is imported. Prints the corpus id.

    What is cut off goes on by itself; an interrupted command goes on when it is started again.
    """
    progress = open_progress(no_tty=no_tty)
    source = open_source(path)
    with open_client(data, url) as client:
        corpus = upload_source(
            client,
            progress,
            source,
            name or corpus_name(path),
            corpus_format=corpus_format,
            append_to=append_to,
        )
        progress.say(f"corpus {corpus.id}")
        follow_import(client, progress, corpus)
    typer.echo(corpus.id)


def corpus_name(path: Path) -> str:
    """A folder's name, or a file's without .zip, .tar, .tar.gz and the like."""
    name = path.resolve().name
    return name if path.is_dir() else name.split(".")[0] or name
