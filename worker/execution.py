"""Claims a job, runs its body under a heartbeat, and records how it ended."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import session_scope
from app.core.errors import AppError, JobCancelledError, JobFailedError, LeaseLostError
from app.core.models import JobKind, JobState
from app.core.repositories.jobs import (
    Claim,
    append_event,
    claim_job,
    finish_job,
    interrupt_job,
    last_interruption,
    record_progress,
    release_job,
)
from app.core.storage import StorageError
from worker.context import WorkerContext, worker_name
from worker.heartbeat import Heartbeat, WorkerStoppingError
from worker.stopping import stop_flag
from worker.supervisor import StageInterruptedError

log = structlog.get_logger()

T = TypeVar("T")
EndJob = Callable[[Session, Claim, JobState, dict[str, Any]], None]  # Any: JSON of the error

_RETRY_S = 0.5


@dataclass(frozen=True)
class JobHandle:
    """What a job's body works with."""

    context: WorkerContext
    claim: Claim
    check: Callable[[], None]  # raises when the job must not go on

    def transaction(self, write: Callable[[Session], T]) -> T:
        """Do `write` in a transaction of its own; while the database is away, try again as long as the lease may last.

        A commit whose answer was lost is tried again as well: under the fence a second end of a job is refused, so at
        worst an event stands twice.
        """
        return _committed(self.context.session_factory, write, self.context.settings.lease_s, self.check)

    def event(self, kind: str, data: dict[str, Any] | None = None) -> None:  # Any: JSON
        """Append an event."""
        self.transaction(lambda session: append_event(session, self.claim, kind, data or {}))

    def progress(self, phase: str, progress: float, **more: Any) -> None:  # Any: see record_progress
        """Tell phase and progress."""
        self.transaction(lambda session: record_progress(session, self.claim, phase=phase, progress=progress, **more))


def finish_with_error(session: Session, claim: Claim, state: JobState, error: dict[str, Any]) -> None:  # Any: JSON
    """End a job whose subject keeps no state of its own."""
    finish_job(session, claim, state, error=error)


@dataclass(frozen=True)
class JobProcedure:
    """How a kind of job is done.

    Attributes:
        kind: for the wake-up after an interruption.
        body: does the work and ends the job in its own last transaction.
        end: writes a failure or a cancellation.
        clean_up: deletes what a failed or cancelled job leaves in storage, after its end was written.
    """

    kind: JobKind
    body: Callable[[JobHandle], None]
    clean_up: Callable[[JobHandle], None]
    end: EndJob = finish_with_error


def execute_job(context: WorkerContext, job_id: uuid.UUID, procedure: JobProcedure) -> None:
    """Claim a job if it is to be had, do it, and record a failure, a cancellation or an interruption.

    Args:
        context: this process's connections.
        job_id: the job that a message named; it may be taken, ended or gone, and then nothing happens.
        procedure: what to do.
    """
    settings = context.settings
    with session_scope(context.session_factory) as session:
        claim = claim_job(session, job_id, lease_s=settings.lease_s, worker=worker_name())
    if claim is None:
        return
    with structlog.contextvars.bound_contextvars(job_id=str(job_id), fence=claim.fence, kind=procedure.kind.value):
        heartbeat = Heartbeat(
            context.session_factory,
            claim,
            lease_s=settings.lease_s,
            heartbeat_s=settings.heartbeat_s,
            is_stopping=stop_flag.is_set,
        )
        log.info("job.claimed", attempt=claim.attempt)
        with heartbeat:
            _do_and_record(JobHandle(context, claim, heartbeat.check), procedure)


def _do_and_record(handle: JobHandle, procedure: JobProcedure) -> None:
    try:
        _do(handle, procedure)
    except LeaseLostError as error:
        log.warning("job.lease_lost", detail=error.detail)
    except SQLAlchemyError as error:
        # The database is away: the lease runs out, and the sweeper wakes whoever is there then.
        log.warning("job.not_recorded", error=str(error))
    except (StorageError, OSError) as error:
        # The job has ended; only what it leaves in storage is still there.
        log.warning("job.not_cleaned_up", error=str(error))


def _do(handle: JobHandle, procedure: JobProcedure) -> None:
    try:
        _refuse_poison(handle)
        handle.check()
        procedure.body(handle)
        log.info("job.done")
    except LeaseLostError:
        raise
    except JobCancelledError as error:
        _end(handle, procedure, JobState.CANCELLED, error)
    except WorkerStoppingError:
        _record(handle, lambda session: release_job(session, handle.claim))
        handle.context.wake_ups.send(procedure.kind, handle.claim.job_id)
        log.info("job.released")
    except StageInterruptedError as error:
        detail = error.detail
        _record(handle, lambda session: interrupt_job(session, handle.claim, detail))
        handle.context.wake_ups.send(procedure.kind, handle.claim.job_id)
        log.warning("job.interrupted", detail=detail)
    except (StorageError, SQLAlchemyError, OSError) as error:
        _leave(handle, str(error))
        log.warning("job.left", error=str(error))
    except AppError as error:
        _end(handle, procedure, JobState.FAILED, error)
    except Exception as error:  # a fault of ours: the job must not hang on it, and its log keeps the traceback
        _leave(handle, f"{type(error).__name__}: {error}")
        log.exception("job.unexpected_error")


def _refuse_poison(handle: JobHandle) -> None:
    n_interruptions = handle.claim.interruptions
    if n_interruptions < handle.context.settings.max_interruptions:
        return
    reason = handle.transaction(lambda session: last_interruption(session, handle.claim.job_id))
    known = reason or "its worker died or was killed without a word, often by running out of memory"
    raise JobFailedError(
        f"the job was interrupted {n_interruptions} times without progress; the last time: {known}", code="interrupted"
    )


def _leave(handle: JobHandle, reason: str) -> None:
    """Say why, and let the lease run out: a store or disk that is away needs the time until the next attempt."""
    _record(handle, lambda session: append_event(session, handle.claim, "interrupted", {"detail": reason}))


def _end(handle: JobHandle, procedure: JobProcedure, state: JobState, error: AppError) -> None:
    words = {"code": error.code, "detail": error.detail}
    _record(handle, lambda session: procedure.end(session, handle.claim, state, words))
    log.info("job.ended", state=state.value, **words)
    procedure.clean_up(handle)


def _record(handle: JobHandle, write: Callable[[Session], object]) -> None:
    """Write how the job ended, although it must not go on."""
    _committed(handle.context.session_factory, write, handle.context.settings.lease_s, lambda: None)


def _committed(
    factory: sessionmaker[Session], write: Callable[[Session], T], give_up_s: float, check: Callable[[], None]
) -> T:
    give_up_at = time.monotonic() + give_up_s
    while True:
        try:
            with session_scope(factory) as session:
                return write(session)
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            check()
            if time.monotonic() > give_up_at:
                raise
            log.warning("database.tried_again", error=str(error))
            time.sleep(_RETRY_S)
