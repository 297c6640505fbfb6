"""Keeps the lease of a claimed job, in a thread of the process that supervises it, never of the one that trains."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import session_scope
from app.core.errors import AppError, JobCancelledError, LeaseLostError
from app.core.repositories.jobs import Claim, beat

log = structlog.get_logger()


class WorkerStoppingError(AppError):
    """This worker is being stopped; its job goes back to the queue."""

    code = "worker_stopping"
    title = "Worker stopping"


class Heartbeat:
    """Renews a lease every `heartbeat_s` and learns whether the job should go on.

    When the database is away it keeps trying until the lease must have run out; from then on another worker may hold
    the job, so it counts as lost.

    Args:
        session_factory: sessions of its own.
        claim: the job.
        lease_s: how long each beat extends the lease.
        heartbeat_s: time between beats.
        is_stopping: whether this worker is being stopped.
    """

    def __init__(
        self,
        session_factory: sessionmaker[Session],
        claim: Claim,
        *,
        lease_s: float,
        heartbeat_s: float,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._session_factory = session_factory
        self._claim = claim
        self._lease_s = lease_s
        self._heartbeat_s = heartbeat_s
        self._is_stopping = is_stopping
        self._ended = threading.Event()
        self._is_cancelled = claim.cancel_requested
        self._is_lost = False
        self._last_beat_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Go on only if this returns. Cheap: call it often.

        Raises:
            JobCancelledError: its owner wants it stopped.
            LeaseLostError: another worker holds it, or may hold it.
            WorkerStoppingError: this worker is being stopped.
        """
        if self._is_lost or time.monotonic() - self._last_beat_at > self._lease_s:
            raise LeaseLostError(f"job {self._claim.job_id}: the lease of fence {self._claim.fence} has run out")
        if self._is_cancelled:
            raise JobCancelledError(f"job {self._claim.job_id} was cancelled")
        if self._is_stopping():
            raise WorkerStoppingError("this worker is being stopped; another goes on with the job")

    def _run(self) -> None:
        while not self._ended.wait(self._heartbeat_s):
            started_at = time.monotonic()
            try:
                with session_scope(self._session_factory) as session:
                    self._is_cancelled = beat(session, self._claim, lease_s=self._lease_s)
            except LeaseLostError:
                self._is_lost = True
                return
            except SQLAlchemyError as error:
                log.warning("heartbeat.failed", job_id=str(self._claim.job_id), error=str(error))
                continue
            # Counted from before the statement, so that we never believe in a lease longer than the database does.
            self._last_beat_at = started_at
