"""Claims a job, runs its body under a heartbeat, and records how it ended."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.core.database import session_scope
from app.core.errors import AppError, JobCancelledError, LeaseLostError
from app.core.models import JobKind, JobState
from app.core.repositories.jobs import (
    Claim,
    append_event,
    claim_job,
    finish_job,
    interrupt_job,
    record_progress,
    release_job,
)
from worker.context import WorkerContext, worker_name
from worker.heartbeat import Heartbeat, WorkerStoppingError
from worker.stopping import stop_flag
from worker.supervisor import StageInterruptedError

log = structlog.get_logger()

EndJob = Callable[[Session, Claim, JobState, dict[str, Any]], None]  # Any: JSON of the error


@dataclass(frozen=True)
class JobHandle:
    """What a job's body works with."""

    context: WorkerContext
    claim: Claim
    check: Callable[[], None]  # raises when the job must not go on

    def event(self, kind: str, data: dict[str, Any] | None = None) -> None:  # Any: JSON
        """Append an event in a transaction of its own."""
        with session_scope(self.context.session_factory) as session:
            append_event(session, self.claim, kind, data or {})

    def progress(self, phase: str, progress: float, **more: Any) -> None:  # Any: see record_progress
        """Tell phase and progress in a transaction of its own."""
        with session_scope(self.context.session_factory) as session:
            record_progress(session, self.claim, phase=phase, progress=progress, **more)


def finish_with_error(session: Session, claim: Claim, state: JobState, error: dict[str, Any]) -> None:  # Any: JSON
    """End a job whose subject keeps no state of its own."""
    finish_job(session, claim, state, error=error)


def execute_job(
    context: WorkerContext,
    kind: JobKind,
    job_id: uuid.UUID,
    body: Callable[[JobHandle], None],
    *,
    end: EndJob = finish_with_error,
) -> None:
    """Claim a job if it is to be had, run `body`, and record a failure, a cancellation or an interruption.

    Args:
        context: this process's connections.
        kind: for the wake-up after an interruption.
        job_id: the job that a message named; it may be taken, ended or gone, and then nothing happens.
        body: does the work and ends the job in its own last transaction.
        end: writes a failure or a cancellation.
    """
    settings = context.settings
    with session_scope(context.session_factory) as session:
        claim = claim_job(session, job_id, lease_s=settings.lease_s, worker=worker_name())
    if claim is None:
        return
    with structlog.contextvars.bound_contextvars(job_id=str(job_id), fence=claim.fence, kind=kind.value):
        heartbeat = Heartbeat(
            context.session_factory,
            claim,
            lease_s=settings.lease_s,
            heartbeat_s=settings.heartbeat_s,
            is_stopping=stop_flag.is_set,
        )
        log.info("job.claimed", attempt=claim.attempt)
        with heartbeat:
            _run_and_record(JobHandle(context, claim, heartbeat.check), kind, body, end)


def _run_and_record(handle: JobHandle, kind: JobKind, body: Callable[[JobHandle], None], end: EndJob) -> None:
    try:
        _run(handle, body, end)
    except LeaseLostError as error:
        log.warning("job.lease_lost", detail=error.detail)
    except WorkerStoppingError:
        with session_scope(handle.context.session_factory) as session:
            release_job(session, handle.claim)
        handle.context.wake_ups.send(kind, handle.claim.job_id)
        log.info("job.released")
    except StageInterruptedError as error:
        with session_scope(handle.context.session_factory) as session:
            interrupt_job(session, handle.claim, error.detail)
        handle.context.wake_ups.send(kind, handle.claim.job_id)
        log.warning("job.interrupted", detail=error.detail)
    except SQLAlchemyError as error:
        # The database is away or refused: the lease runs out, and the sweeper wakes whoever is there then.
        log.warning("job.database_error", error=str(error))


def _run(handle: JobHandle, body: Callable[[JobHandle], None], end: EndJob) -> None:
    try:
        _refuse_poison(handle)
        handle.check()
        body(handle)
        log.info("job.done")
    except JobCancelledError as error:
        _end(handle, end, JobState.CANCELLED, error)
    except (LeaseLostError, WorkerStoppingError, StageInterruptedError):
        raise
    except AppError as error:
        _end(handle, end, JobState.FAILED, error)


def _refuse_poison(handle: JobHandle) -> None:
    n_interruptions = handle.claim.interruptions
    if n_interruptions >= handle.context.settings.max_interruptions:
        raise AppError(
            f"the job was interrupted {n_interruptions} times without progress; its last worker died or was killed, "
            "often by running out of memory",
            code="interrupted",
        )


def _end(handle: JobHandle, end: EndJob, state: JobState, error: AppError) -> None:
    with session_scope(handle.context.session_factory) as session:
        end(session, handle.claim, state, {"code": error.code, "detail": error.detail})
    log.info("job.ended", state=state.value, code=error.code, detail=error.detail)
