"""The sweeper: sends again the wake-ups of jobs that wait, because a Celery message may be lost, doubled or late."""

import threading
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import session_scope
from app.core.errors import AppError
from app.core.queue import WakeUps
from app.core.repositories.jobs import due_jobs, forget_sent

log = structlog.get_logger()

_FIRST_SWEEP_S = 1.0  # soon after a start, because a restart is when jobs wait
_STOP_TIMEOUT_S = 10.0


class Sweeper:
    """Wakes every job that is queued, or whose lease ran out, and that nobody was told about lately.

    Runs in the API and in every worker's main process. It survives outages of the database and of the broker: what it
    could not do is due again at the next sweep.

    Args:
        session_factory: sessions of its own.
        wake_ups: where wake-ups go.
        period_s: time between two sweeps.
        resend_s: how long a wake-up counts as sent. Longer than a period, because a job may wait for hours behind
            another, and each wake-up meanwhile lies in the broker.
    """

    def __init__(
        self, session_factory: sessionmaker[Session], wake_ups: WakeUps, *, period_s: float, resend_s: float
    ) -> None:
        self._session_factory = session_factory
        self._wake_ups = wake_ups
        self._period_s = period_s
        self._resend_s = resend_s
        self._chores: list[Callable[[], object]] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def add_chore(self, chore: Callable[[], object]) -> None:
        """Also call this after every sweep, from before `start` on. It may fail like a sweep."""
        self._chores.append(chore)

    def sweep(self) -> int:
        """Wake what is due now.

        Returns:
            How many wake-ups were sent.

        Raises:
            SQLAlchemyError: the database is away.
        """
        with session_scope(self._session_factory) as session:
            due = due_jobs(session, resend_s=self._resend_s)
        for n_sent, (job_id, kind) in enumerate(due):
            if not self._wake_ups.send(kind, job_id):
                # The broker is away. The others would each wait for its timeout, so they are due again at once.
                with session_scope(self._session_factory) as session:
                    forget_sent(session, [unsent_id for unsent_id, _ in due[n_sent:]])
                return n_sent
        return len(due)

    def run(self) -> None:
        """Sweep until `stop` is called."""
        delay_s = min(_FIRST_SWEEP_S, self._period_s)
        while not self._stopping.wait(delay_s):
            delay_s = self._period_s
            try:
                n_sent = self.sweep()
            except SQLAlchemyError as error:
                log.warning("sweep.failed", error=str(error))
                continue
            if n_sent:
                log.info("sweep.finished", n_sent=n_sent)
            for chore in self._chores:
                self._do(chore)

    def _do(self, chore: Callable[[], object]) -> None:
        try:
            chore()
        except (SQLAlchemyError, AppError, OSError) as error:
            log.warning("sweep.chore_failed", error=str(error))

    def start(self) -> None:
        """Sweep in a thread of its own, which does not keep the process alive."""
        self._thread = threading.Thread(target=self.run, name="sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for the sweep that is under way. Stopping twice is the same as once."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)
            self._thread = None
