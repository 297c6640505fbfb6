"""Queued imports and runs, and what became of them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.models import Corpus, CorpusState, Job, JobEvent, JobKind, new_id
from app.core.repositories.jobs import add_job
from app.core.repositories.runs import add_run
from app.core.storage import Storage
from tests.factories import Committed, add_corpus, add_workspace
from tests.worker.archives import image_bytes, zip_file

TOY_CONFIG = {"encoder": "toy", "round_epochs": [2, 2], "warmup_epochs": 1, "batch_size": 16, "joint_dim": 16}


@dataclass(frozen=True)
class QueuedImport:
    """An uploaded corpus whose import waits."""

    workspace_id: uuid.UUID
    corpus_id: uuid.UUID
    job_id: uuid.UUID


@dataclass(frozen=True)
class QueuedRun:
    """A run of a ready corpus that waits."""

    run_id: uuid.UUID
    job_id: uuid.UUID


def queue_import(committed: Committed, storage: Storage, archive: Path | bytes) -> QueuedImport:
    """Upload an archive and queue its import."""
    data = archive if isinstance(archive, bytes) else archive.read_bytes()
    with committed() as session:
        workspace = add_workspace(session)
        corpus = add_corpus(session, workspace.id, CorpusState.UPLOADED)
        corpus.archive_key = f"corpora/{corpus.id}/archive"
        job = add_job(session, workspace_id=workspace.id, kind=JobKind.IMPORT, subject_id=corpus.id)
        queued = QueuedImport(workspace.id, corpus.id, job.id)
    with storage.writer(f"corpora/{queued.corpus_id}/archive") as file:
        file.write(data)
    return queued


def queue_run(committed: Committed, queued: QueuedImport, **config: Any) -> QueuedRun:  # Any: fields of a RunConfig
    """Queue a run of the corpus's newest version with the toy encoder."""
    with committed() as session:
        version_id = session.execute(
            text("SELECT id FROM corpus_versions WHERE corpus_id = :id ORDER BY number DESC LIMIT 1"),
            {"id": queued.corpus_id},
        ).scalar_one()
        run_id = new_id()
        job = add_job(session, workspace_id=queued.workspace_id, kind=JobKind.RUN, subject_id=run_id)
        add_run(
            session,
            run_id=run_id,
            job=job,
            corpus_id=queued.corpus_id,
            corpus_version_id=version_id,
            config=TOY_CONFIG | config,
        )
        return QueuedRun(run_id, job.id)


def coloured_corpus(path: Path, n_images: int = 24) -> Path:
    """A zip of plain pictures, each with two captions that name its colour; every eighth pair names another one."""
    names = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "grey": (120, 120, 120)}
    colours = list(names)
    files: dict[str, bytes] = {}
    rows: list[str] = []
    for number in range(n_images):
        colour = colours[number % len(colours)]
        shade = tuple(min(255, channel + number) for channel in names[colour])
        files[f"images/{number}.png"] = image_bytes((shade[0], shade[1], shade[2]))
        for repeat in range(2):
            is_wrong = (2 * number + repeat) % 8 == 0
            told = colours[(number + 1) % len(colours)] if is_wrong else colour
            rows.append(f"p{number}-{repeat},images/{number}.png,a {told} square number {number} take {repeat}\n")
    files["captions.csv"] = ("id,image,caption\n" + "".join(rows)).encode()
    return zip_file(path, files)


def job_of(session: Session, job_id: uuid.UUID) -> Job:
    """The job's row, read anew."""
    return session.execute(select(Job).where(Job.id == job_id).execution_options(populate_existing=True)).scalar_one()


def corpus_of(session: Session, queued: QueuedImport) -> Corpus:
    """The corpus's row, read anew."""
    return session.execute(
        select(Corpus).where(Corpus.id == queued.corpus_id).execution_options(populate_existing=True)
    ).scalar_one()


def events_of(session: Session, job_id: uuid.UUID) -> list[tuple[str, dict[str, Any]]]:  # Any: JSON
    """Kind and data of a job's events, in their order."""
    rows = session.execute(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.seq)).scalars()
    return [(row.kind, row.data) for row in rows]


def kinds_of(session: Session, job_id: uuid.UUID) -> list[str]:
    """Kinds of a job's events, each once where it repeats at once."""
    kinds: list[str] = []
    for kind, _ in events_of(session, job_id):
        if kinds[-1:] != [kind]:
            kinds.append(kind)
    return kinds


def report_of(session: Session, run_id: uuid.UUID) -> list[tuple[Any, ...]]:  # Any: column values
    """The report of a run in words that two runs share: pair key, rank, correspondence, label; by rank."""
    rows = session.execute(
        text(
            "SELECT p.pair_key, r.rank, r.correspondence, r.correspondence_label"
            " FROM report_rows r JOIN pairs p ON p.id = r.pair_id WHERE r.run_id = :id ORDER BY r.rank"
        ),
        {"id": run_id},
    )
    return [tuple(row) for row in rows]


def stored_files(root: Path, prefix: str = "") -> list[str]:
    """Keys of the objects in a local storage folder."""
    return sorted(
        key
        for path in root.rglob("*")
        if path.is_file() and (key := path.relative_to(root).as_posix()).startswith(prefix)
    )


def counts_of(session: Session, tables: Mapping[str, str]) -> dict[str, int]:
    """Rows of each table that meet its condition."""
    return {
        table: session.execute(text(f"SELECT count(*) FROM {table} WHERE {condition}")).scalar_one()  # noqa: S608 - ours
        for table, condition in tables.items()
    }
