"""`mispair upload`: a corpus from an archive on disk."""

from pathlib import Path
from typing import Annotated

import typer

from mispair.commands.jobs import follow_import, upload_archive
from mispair.commands.options import (
    ArchiveArgument,
    CorpusFormatOption,
    DataOption,
    NoTtyOption,
    UrlOption,
    open_client,
)
from mispair.progress import open_progress


def upload(
    archive: ArchiveArgument,
    *,
    name: Annotated[str | None, typer.Option(help="Name of the corpus. Default: the file's.")] = None,
    corpus_format: CorpusFormatOption = None,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Upload a corpus and wait until it is imported. Prints the corpus id."""
    progress = open_progress(no_tty=no_tty)
    with open_client(data, url) as client:
        corpus = upload_archive(client, progress, archive, name or corpus_name(archive), corpus_format)
        progress.say(f"corpus {corpus.id}")
        follow_import(client, progress, corpus)
    typer.echo(corpus.id)


def corpus_name(archive: Path) -> str:
    """A file's name without .zip, .tar, .tar.gz and the like."""
    return archive.name.split(".")[0] or archive.name
