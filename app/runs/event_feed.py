"""One poller a process reads the job log and fans it out to every client that watches a job."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool

from app.core.models import JobState
from app.core.repositories import runs

log = structlog.get_logger()

_BATCH_EVENTS = 200  # a job's events in one poll, and the most that wait for one slow client
_STOPPED = None


@dataclass(frozen=True)
class JobEventRecord:
    """One event of a job, free of any database session."""

    seq: int
    at: datetime
    kind: str
    data: dict[str, Any]  # Any: each event kind has its own JSON fields


@dataclass(eq=False)
class _Subscriber:
    """A client's place in a job's log. `after` moves when an event is put into the queue."""

    job_id: uuid.UUID
    after: int
    queue: asyncio.Queue[JobEventRecord | None] = field(default_factory=asyncio.Queue)

    @property
    def wants_more(self) -> bool:
        return self.queue.qsize() < _BATCH_EVENTS


@final
class EventFeed:
    """Events of jobs as they are written.

    The poller runs while anybody listens: an idle poll is one query for all watched jobs. A client that reads slowly
    gets no more than a batch ahead of itself, so memory stays bounded and nobody else waits for it.

    Args:
        factory: sessions of the poller, each opened for one poll.
        poll_s: pause between two polls.
    """

    def __init__(self, factory: sessionmaker[Session], *, poll_s: float = 0.5) -> None:
        self._factory = factory
        self._poll_s = poll_s
        self._subscribers: set[_Subscriber] = set()
        self._poller: asyncio.Task[None] | None = None

    @property
    def n_subscribers(self) -> int:
        """How many clients listen now."""
        return len(self._subscribers)

    async def follow(
        self, job_id: uuid.UUID, *, after: int, heartbeat_s: float
    ) -> AsyncGenerator[JobEventRecord | None, None]:
        """Yield the job's events with a number above `after`, and None whenever `heartbeat_s` went by without one.

        Ends after the last event of an ended job, and when the job is deleted. Close it to stop listening.
        """
        subscriber = _Subscriber(job_id, after)
        self._subscribers.add(subscriber)
        self._ensure_poller()
        try:
            while True:
                try:
                    event = await asyncio.wait_for(subscriber.queue.get(), heartbeat_s)
                except TimeoutError:
                    self._ensure_poller()
                    yield None
                    continue
                if event is _STOPPED:
                    return
                yield event
        finally:
            self._subscribers.discard(subscriber)

    def _ensure_poller(self) -> None:
        loop = asyncio.get_running_loop()
        if self._poller is None or self._poller.done() or self._poller.get_loop() is not loop:
            self._poller = loop.create_task(self._poll_while_watched(), name="job-event-poller")

    async def _poll_while_watched(self) -> None:
        while self._subscribers:
            waiting = [subscriber for subscriber in self._subscribers if subscriber.wants_more]
            # A database that is away is no reason to drop the clients: their heartbeats go on and the next poll tries.
            try:
                await self._deliver(waiting)
            except SQLAlchemyError as error:
                log.warning("event_feed.poll_failed", error=str(error), n_subscribers=len(waiting))
            await asyncio.sleep(self._poll_s)

    async def _deliver(self, waiting: list[_Subscriber]) -> None:
        # Clients of one job stand at different places, so the query reads from the hindmost of them.
        hindmost: dict[uuid.UUID, int] = {}
        for subscriber in waiting:
            hindmost[subscriber.job_id] = min(subscriber.after, hindmost.get(subscriber.job_id, subscriber.after))
        if not hindmost:
            return
        positions, events = await run_in_threadpool(self._read, hindmost)
        for subscriber in waiting:
            for event in events.get(subscriber.job_id, ()):
                if event.seq > subscriber.after:
                    subscriber.queue.put_nowait(event)
                    subscriber.after = event.seq
            if _has_ended(positions.get(subscriber.job_id), subscriber.after):
                subscriber.queue.put_nowait(_STOPPED)
                self._subscribers.discard(subscriber)

    def _read(
        self, hindmost: dict[uuid.UUID, int]
    ) -> tuple[dict[uuid.UUID, runs.JobPosition], dict[uuid.UUID, list[JobEventRecord]]]:
        events: dict[uuid.UUID, list[JobEventRecord]] = {}
        with self._factory() as session:
            positions = runs.job_positions(session, list(hindmost))
            behind = {
                job_id: after
                for job_id, after in hindmost.items()
                if job_id in positions and positions[job_id].last_event_seq > after
            }
            if behind:
                for row in runs.events_after(session, behind, limit=_BATCH_EVENTS):
                    events.setdefault(row.job_id, []).append(JobEventRecord(row.seq, row.at, row.kind, row.data))
        return positions, events

    async def stop(self) -> None:
        """End every stream, so that a server can shut down while clients listen."""
        for subscriber in list(self._subscribers):
            subscriber.queue.put_nowait(_STOPPED)
        self._subscribers.clear()
        poller, self._poller = self._poller, None
        if poller is not None and poller.get_loop() is asyncio.get_running_loop():
            poller.cancel()
            with suppress(asyncio.CancelledError):
                await poller


def _has_ended(position: runs.JobPosition | None, after: int) -> bool:
    """Whether nothing comes after event `after`: the job is gone, or has ended with that event."""
    return position is None or (JobState(position.state).is_terminal and after >= position.last_event_seq)
