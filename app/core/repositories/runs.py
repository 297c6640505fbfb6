"""SQL of runs and of the events that jobs leave."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, and_, column, select, true, values
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from app.core.models import Job, JobEvent, Run


@dataclass(frozen=True)
class RunWithJob:
    """A run and the job that is its progress."""

    run: Run
    job: Job


@dataclass(frozen=True)
class JobPosition:
    """How far a job's log has come."""

    state: str
    last_event_seq: int


def add_run(
    session: Session,
    *,
    run_id: uuid.UUID,
    job: Job,
    corpus_id: uuid.UUID,
    corpus_version_id: uuid.UUID,
    config: dict[str, Any],  # Any: a RunConfig's JSON
    base_run_id: uuid.UUID | None = None,
) -> Run:
    """Add the row of a run whose job is already queued."""
    run = Run(
        id=run_id,
        workspace_id=job.workspace_id,
        corpus_id=corpus_id,
        corpus_version_id=corpus_version_id,
        job_id=job.id,
        config=config,
        base_run_id=base_run_id,
    )
    session.add(run)
    session.flush()
    session.refresh(run, ["created_at"])
    return run


def find_run(session: Session, workspace_id: uuid.UUID, run_id: uuid.UUID) -> RunWithJob | None:
    """The run of this workspace with its job, or None."""
    row = session.execute(
        select(Run, Job).join(Job, Job.id == Run.job_id).where(Run.workspace_id == workspace_id, Run.id == run_id)
    ).one_or_none()
    return None if row is None else RunWithJob(row[0], row[1])


def find_job_of_run(session: Session, workspace_id: uuid.UUID, run_id: uuid.UUID) -> uuid.UUID | None:
    """The id of a run's job, or None. It loads no row, so whoever locks the job next reads it as it is then."""
    return session.execute(
        select(Run.job_id).where(Run.workspace_id == workspace_id, Run.id == run_id)
    ).scalar_one_or_none()


def list_runs(
    session: Session, workspace_id: uuid.UUID, corpus_id: uuid.UUID, *, before: uuid.UUID | None, limit: int
) -> list[RunWithJob]:
    """At most `limit` runs of a corpus, newest first, older than `before`."""
    statement = (
        select(Run, Job)
        .join(Job, Job.id == Run.job_id)
        .where(Run.workspace_id == workspace_id, Run.corpus_id == corpus_id)
        .order_by(Run.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(Run.id < before)
    return [RunWithJob(run, job) for run, job in session.execute(statement)]


def list_events(session: Session, job_id: uuid.UUID, *, after: int, limit: int) -> list[JobEvent]:
    """At most `limit` events of a job with a number above `after`, oldest first."""
    statement = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.seq > after)
    return list(session.execute(statement.order_by(JobEvent.seq).limit(limit)).scalars())


def job_positions(session: Session, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, JobPosition]:
    """State and newest event number of each job; a job that is gone is left out."""
    rows = session.execute(select(Job.id, Job.state, Job.last_event_seq).where(Job.id.in_(job_ids)))
    return {job_id: JobPosition(state, seq) for job_id, state, seq in rows}


def events_after(session: Session, positions: Mapping[uuid.UUID, int], *, limit: int) -> list[JobEvent]:
    """The next events of many jobs in one query: at most `limit` a job, by job and number.

    Args:
        positions: job = the event number after which to read.
        limit: the most events of one job.
    """
    wanted = values(column("job_id", Uuid), column("after", Integer), name="wanted").data(list(positions.items()))
    newer = (
        select(JobEvent)
        .where(and_(JobEvent.job_id == wanted.c.job_id, JobEvent.seq > wanted.c.after))
        .order_by(JobEvent.seq)
        .limit(limit)
        .correlate(wanted)
        .lateral("newer")
    )
    rows = (
        select(JobEvent)
        .select_from(wanted)
        .join(newer, true())
        .join(JobEvent, and_(JobEvent.job_id == newer.c.job_id, JobEvent.seq == newer.c.seq))
    )
    return list(session.execute(rows.order_by(JobEvent.job_id, JobEvent.seq)).scalars())
