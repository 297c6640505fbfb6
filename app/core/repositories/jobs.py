"""SQL of the job table: claim, heartbeat, finish, events. All times are the database's."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.errors import LeaseLostError
from app.core.models import Job, JobEvent, JobKind, JobState
from app.core.models.states import TERMINAL_STATES

_HELD = (JobState.RUNNING, JobState.CANCELLING)


@dataclass(frozen=True)
class Claim:
    """A job that this process holds until its lease runs out."""

    job_id: uuid.UUID
    workspace_id: uuid.UUID
    subject_id: uuid.UUID
    fence: int
    attempt: int
    interruptions: int
    cancel_requested: bool
    checkpoint: dict[str, Any] | None  # Any: JSON


def add_job(
    session: Session,
    *,
    workspace_id: uuid.UUID,
    kind: JobKind,
    subject_id: uuid.UUID,
    request: Mapping[str, Any] | None = None,  # Any: JSON
) -> Job:
    """Queue a job. The caller sends the wake-up after its commit."""
    job = Job(
        workspace_id=workspace_id,
        kind=kind,
        subject_id=subject_id,
        state=JobState.QUEUED,
        request=None if request is None else dict(request),
        last_event_seq=1,
    )
    session.add(job)
    session.flush()
    session.add(JobEvent(workspace_id=workspace_id, job_id=job.id, seq=1, kind="queued", data={}))
    session.flush()
    return job


def claim_job(session: Session, job_id: uuid.UUID, *, lease_s: float, worker: str) -> Claim | None:
    """Take a job that is queued or whose lease has run out; None when there is nothing to take.

    One statement, so that of any number of claimers at most one gets the job. Taking over an expired lease counts as
    an interruption.
    """
    is_expired = and_(Job.state.in_(_HELD), Job.lease_until < func.now())
    statement = (
        update(Job)
        .where(Job.id == job_id, or_(Job.state == JobState.QUEUED, is_expired))
        .values(
            state=case((Job.cancel_requested, JobState.CANCELLING), else_=JobState.RUNNING),
            fence=Job.fence + 1,
            attempt=Job.attempt + 1,
            interruptions=Job.interruptions + case((Job.state == JobState.QUEUED, 0), else_=1),
            lease_until=func.now() + timedelta(seconds=lease_s),
            started_at=func.coalesce(Job.started_at, func.now()),
            worker=worker,
        )
        .returning(Job)
        # A row that this session has seen before must not hide the new fence.
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    job = session.execute(statement).scalar_one_or_none()
    if job is None:
        return None
    claim = Claim(
        job.id,
        job.workspace_id,
        job.subject_id,
        job.fence,
        job.attempt,
        job.interruptions,
        job.cancel_requested,
        job.checkpoint,
    )
    append_event(session, claim, "claimed", {"attempt": claim.attempt, "worker": worker})
    return claim


def beat(session: Session, claim: Claim, *, lease_s: float) -> bool:
    """Extend the lease; returns whether a cancellation is wanted.

    Raises:
        LeaseLostError: the fence is not the newest, or the job is not running any more.
    """
    wanted: bool | None = session.execute(
        _held(claim).values(lease_until=func.now() + timedelta(seconds=lease_s)).returning(Job.cancel_requested)
    ).scalar_one_or_none()
    if wanted is None:
        raise _lost(claim)
    return wanted


def record_progress(
    session: Session,
    claim: Claim,
    *,
    phase: str,
    progress: float,
    eta_s: float | None = None,
    metrics: dict[str, Any] | None = None,  # Any: JSON
    checkpoint: dict[str, Any] | None = None,  # Any: JSON
) -> None:
    """Tell phase, progress and estimate. A new checkpoint (`key`, `sha256`, `step`) clears the interruption count."""
    values: dict[str, Any] = {"phase": phase, "progress": progress, "eta_s": eta_s}  # Any: column values
    if metrics is not None:
        values["metrics"] = metrics
    if checkpoint is not None:
        values |= {"checkpoint": checkpoint, "interruptions": 0}
    if session.execute(_held(claim).values(**values).returning(Job.id)).scalar_one_or_none() is None:
        raise _lost(claim)


def append_event(session: Session, claim: Claim, kind: str, data: dict[str, Any]) -> int:  # Any: JSON
    """Append an event under the fence; returns its number."""
    seq: int | None = session.execute(
        _held(claim).values(last_event_seq=Job.last_event_seq + 1).returning(Job.last_event_seq)
    ).scalar_one_or_none()
    if seq is None:
        raise _lost(claim)
    session.add(JobEvent(workspace_id=claim.workspace_id, job_id=claim.job_id, seq=seq, kind=kind, data=data))
    session.flush()
    return seq


def finish_job(
    session: Session,
    claim: Claim,
    state: JobState,
    *,
    error: dict[str, Any] | None = None,  # Any: JSON
) -> None:
    """End the job under the fence: done, failed or cancelled. The last event says the same."""
    append_event(session, claim, state.value, error or {})
    values: dict[str, Any] = {  # Any: column values
        "state": state,
        "lease_until": None,
        "finished_at": func.now(),
        "error": error,
        "eta_s": None,
    }
    if state is JobState.DONE:
        values["progress"] = 1.0
    if session.execute(_held(claim).values(**values).returning(Job.id)).scalar_one_or_none() is None:
        raise _lost(claim)


def release_job(session: Session, claim: Claim) -> None:
    """Give a job back to the queue, for a worker that stops on purpose. Not an interruption."""
    append_event(session, claim, "released", {})
    session.execute(_held(claim).values(state=JobState.QUEUED, lease_until=None, sent_at=None))


def interrupt_job(session: Session, claim: Claim, detail: str) -> None:
    """Put a job back into the queue after its process died. Counts as an interruption, as a lost lease does."""
    append_event(session, claim, "interrupted", {"detail": detail})
    session.execute(
        _held(claim).values(
            # A cancelled job must still be claimed once more, by whoever writes its end.
            state=JobState.QUEUED,
            interruptions=Job.interruptions + 1,
            lease_until=None,
            sent_at=None,
        )
    )


def request_cancel(session: Session, job_id: uuid.UUID) -> JobState:
    """Ask a job to stop; returns its state afterwards. A queued job ends at once, an ended one stays as it is."""
    # Read anew: a worker may have appended events since this session saw the row.
    locked = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    job = session.execute(locked).scalar_one()
    state = JobState(job.state)
    if state is JobState.QUEUED:
        _change(session, job, JobState.CANCELLED, "cancelled")
        job.finished_at = func.now()
    elif state is JobState.RUNNING:
        _change(session, job, JobState.CANCELLING, "cancelling")
    session.flush()
    return JobState(job.state)


def due_jobs(session: Session, *, resend_s: float, limit: int = 100) -> list[tuple[uuid.UUID, JobKind]]:
    """Jobs that wait for a worker: queued or with an expired lease, and not woken within `resend_s`.

    Marks them as sent in the same statement, so that several sweepers share the work instead of repeating it.
    """
    is_expired = and_(Job.state.in_(_HELD), Job.lease_until < func.now())
    is_unsent = or_(Job.sent_at.is_(None), Job.sent_at < func.now() - timedelta(seconds=resend_s))
    due = (
        select(Job.id)
        .where(or_(Job.state == JobState.QUEUED, is_expired), is_unsent)
        .order_by(Job.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(
        update(Job)
        .where(Job.id.in_(due.scalar_subquery()))
        .values(sent_at=func.now())
        .returning(Job.id, Job.kind)
        .execution_options(synchronize_session=False)
    )
    return [(job_id, JobKind(kind)) for job_id, kind in rows]


def forget_sent(session: Session, job_ids: Sequence[uuid.UUID]) -> None:
    """Make jobs due again at once: the wake-ups that `due_jobs` promised for them could not be sent."""
    session.execute(
        update(Job).where(Job.id.in_(job_ids)).values(sent_at=None).execution_options(synchronize_session=False)
    )


def count_open_jobs(session: Session, workspace_id: uuid.UUID, kind: JobKind) -> int:
    """Jobs of a workspace that have not ended."""
    is_open = Job.state.not_in(TERMINAL_STATES)
    statement = select(func.count()).select_from(Job).where(Job.workspace_id == workspace_id, Job.kind == kind, is_open)
    return session.execute(statement).scalar_one()


def job_metrics(session: Session, job_id: uuid.UUID) -> dict[str, Any] | None:  # Any: JSON
    """The latest numbers that a phase of the job told."""
    return session.execute(select(Job.metrics).where(Job.id == job_id)).scalar_one_or_none()


def job_request(session: Session, job_id: uuid.UUID) -> dict[str, Any] | None:  # Any: JSON
    """What the job was asked for beside its subject."""
    return session.execute(select(Job.request).where(Job.id == job_id)).scalar_one_or_none()


def last_interruption(session: Session, job_id: uuid.UUID) -> str | None:
    """Why the job was interrupted the last time, where somebody could say it."""
    statement = select(JobEvent.data["detail"].astext).where(JobEvent.job_id == job_id, JobEvent.kind == "interrupted")
    return session.execute(statement.order_by(JobEvent.seq.desc()).limit(1)).scalar_one_or_none()


def _held(claim: Claim) -> Any:  # Any: SQLAlchemy's Update is generic in what later calls add
    return (
        update(Job)
        .where(Job.id == claim.job_id, Job.fence == claim.fence, Job.state.in_(_HELD))
        .execution_options(synchronize_session=False)
    )


def _lost(claim: Claim) -> LeaseLostError:
    return LeaseLostError(f"job {claim.job_id}: fence {claim.fence} is no longer the newest, or the job has ended")


def _change(session: Session, job: Job, state: JobState, event: str) -> None:
    job.state = state
    job.cancel_requested = True
    job.last_event_seq += 1
    session.add(JobEvent(workspace_id=job.workspace_id, job_id=job.id, seq=job.last_event_seq, kind=event, data={}))
