"""Cleans an archive once, however often it is asked for."""

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path

from mispair.answers import Corpus, Run
from mispair.client import Client
from mispair.commands.jobs import follow_import, follow_run, upload_archive
from mispair.progress import Progress


@dataclass(frozen=True)
class Cleaning:
    """A finished run of an archive, and whether it was there before."""

    corpus: Corpus
    run: Run
    is_new: bool


@dataclass(frozen=True)
class Choices:
    """What the user decides of a corpus: its format (None = told from the content), and to run it despite warnings."""

    corpus_format: str | None = None
    confirm_warnings: bool = False


_NO_CHOICES = Choices()


def clean_once(
    client: Client,
    progress: Progress,
    archive: Path,
    name: str,
    stop: threading.Event,
    choices: Choices = _NO_CHOICES,
) -> Cleaning:
    """Bring an archive to a report, from wherever an earlier start left it.

    An archive is known by its content: the same bytes are neither uploaded nor cleaned a second time. A failed corpus
    or run does not count, so that what failed is tried again.

    Raises:
        MispairError: it cannot be done; StoppedWaitingError when `stop` was set.
    """
    corpus = find_corpus(client, archive_sha256(archive))
    if corpus is None:
        corpus = upload_archive(client, progress, archive, name, choices.corpus_format)
    if corpus.state != "ready":
        corpus = follow_import(client, progress, corpus, stop)
    run = next((run for run in client.runs(corpus.id) if run.state not in {"failed", "cancelled", "cancelling"}), None)
    if run is not None and run.state == "done":
        return Cleaning(corpus, run, is_new=False)
    config = {"confirm_warnings": True} if choices.confirm_warnings else None
    return Cleaning(corpus, follow_run(client, progress, run or client.start_run(corpus.id, config), stop), is_new=True)


def find_corpus(client: Client, sha256: str) -> Corpus | None:
    """The newest corpus that came from this archive and did not fail."""
    for corpus in client.corpora():
        if corpus.archive is not None and corpus.archive.sha256 == sha256 and corpus.state != "failed":
            return corpus
    return None


def archive_sha256(archive: Path) -> str:
    """SHA-256 of a file, in hex."""
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
