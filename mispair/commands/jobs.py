"""Follows uploads, imports and runs on the progress display."""

import threading
from collections import Counter
from itertools import islice

from mispair.answers import Corpus, Run
from mispair.client import Client
from mispair.progress import Progress, Step
from mispair.tables import printable
from mispair.transfer_rate import TransferRate
from mispair.upload_source import UploadSource

_MOST_REJECTIONS = 10_000  # 20 pages; a corpus with more is broken as a whole


def upload_source(
    client: Client,
    progress: Progress,
    source: UploadSource,
    name: str,
    *,
    sha256: str | None = None,
    corpus_format: str | None = None,
    append_to: str | None = None,
) -> Corpus:
    """Send an archive or a folder into a new corpus, or add it to one, through every failure that may pass."""
    rate = TransferRate()
    with progress.step(f"uploading {source.name}") as step:
        return client.upload_resumably(
            source,
            name=name,
            corpus_format=corpus_format,
            append_to=append_to,
            sha256=sha256,
            on_progress=lambda sent, total: step.update(sent / total if total else None, rate.describe(sent, total)),
            on_trouble=progress.say,
        )


def follow_import(client: Client, progress: Progress, corpus: Corpus, stop: threading.Event | None = None) -> Corpus:
    """Wait until a corpus is imported, and say what became of its rows."""
    with progress.step("importing") as step:
        corpus = client.wait_for(corpus, lambda newest: _show_job(step, newest), stop=stop)
    for line in describe_import(client, corpus):
        progress.say(line)
    return corpus


def follow_run(client: Client, progress: Progress, run: Run, stop: threading.Event | None = None) -> Run:
    """Wait until a run is done."""
    with progress.step("cleaning") as step:
        return client.wait_for(run, lambda newest: _show_run(step, newest), stop=stop)


def describe_import(client: Client, corpus: Corpus) -> list[str]:
    """What an import accepted, and what it rejected for which reason."""
    version = corpus.version
    if version is None:
        return []
    taken_for = [] if corpus.format is None else [f"taken for {corpus.format.name}"]
    if corpus.format is not None and corpus.format.why is not None:
        taken_for = [f"{taken_for[0]}: {printable(corpus.format.why)}"]
    accepted = f"{version.n_accepted} pairs of {version.n_images} images accepted"
    lines = [*taken_for, f"{version.n_read} rows read: {accepted}, {version.n_rejected} rejected"]
    if version.n_rejected:
        rejections = islice(client.rejections(corpus.id), _MOST_REJECTIONS)
        reasons = Counter(rejection.code for rejection in rejections)
        lines += [f"{n_rows:>8} {code}" for code, n_rows in reasons.most_common()]
    if version.n_rejected > _MOST_REJECTIONS:
        lines.append(f"         counted by reason: the first {_MOST_REJECTIONS}")
    return lines


def _show_job(step: Step, corpus: Corpus) -> None:
    if corpus.job is not None:
        step.update(corpus.job.progress, _note(corpus.job.phase, corpus.job.eta_s))


def _show_run(step: Step, run: Run) -> None:
    step.update(run.progress, _note(run.phase or run.state, run.eta_s))


def _note(phase: str | None, eta_s: float | None) -> str:
    left = f"about {eta_s:.0f} s left" if eta_s is not None and eta_s >= 1 else ""
    return ", ".join(part for part in (phase, left) if part)
