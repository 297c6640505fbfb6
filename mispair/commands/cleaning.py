"""Cleans an archive once, however often it is asked for."""

import threading
from dataclasses import dataclass

from mispair.answers import Corpus, Run
from mispair.client import Client
from mispair.commands.jobs import follow_import, follow_run, upload_source
from mispair.progress import Progress
from mispair.upload_source import UploadSource, source_sha256


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
    source: UploadSource,
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
    sha256 = source_sha256(source)
    corpus = find_corpus(client, sha256)
    if corpus is None:
        corpus = upload_source(client, progress, source, name, sha256=sha256, corpus_format=choices.corpus_format)
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
