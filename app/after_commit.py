"""What a request does once its transaction is committed, and not at all when it is rolled back."""

import uuid
from collections.abc import Callable

import structlog

from app.core.errors import AppError
from app.core.models import JobKind
from app.core.queue import WakeUps

log = structlog.get_logger()


class AfterCommit:
    """Collects wake-ups and other effects of one request. `get_session` runs them after its commit.

    An effect must be one that may be lost, because the process can die between the commit and it: wake-ups are sent
    again by a sweeper, and files that stay behind only take room.
    """

    def __init__(self, wake_ups: WakeUps) -> None:
        self._wake_ups = wake_ups
        self._effects: list[Callable[[], object]] = []

    def wake(self, kind: JobKind, job_id: uuid.UUID) -> None:
        """Send the wake-up of a job that this transaction queued."""
        self.add(lambda: self._wake_ups.send(kind, job_id))

    def add(self, effect: Callable[[], object]) -> None:
        """Call `effect` after the commit."""
        self._effects.append(effect)

    def run(self) -> None:
        """Run everything collected, in order. An `AppError` is logged: what was committed stands."""
        effects, self._effects = self._effects, []
        for effect in effects:
            try:
                effect()
            except AppError as error:
                log.warning("after_commit.failed", code=error.code, detail=error.detail)
