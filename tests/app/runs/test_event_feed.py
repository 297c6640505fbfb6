import asyncio
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.auth.service import KeyContext
from app.core.models import Job, JobState
from app.core.storage import Storage
from app.runs.event_feed import EventFeed
from tests.app.runs.rows import StoredCorpus, add_event, add_run, end_job, store_corpus

Committed = Callable[[], AbstractContextManager[Session]]


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, [["a red thing"]])


@pytest.fixture
def job_id(committed: Committed, stored: StoredCorpus) -> uuid.UUID:
    with committed() as session:
        return add_run(session, stored).job_id


@pytest.fixture
def feed(session_factory: sessionmaker[Session]) -> EventFeed:
    return EventFeed(session_factory, poll_s=0.01)


async def _kinds(feed: EventFeed, job_id: uuid.UUID, after: int = 0) -> list[str]:
    return [event.kind async for event in feed.follow(job_id, after=after, heartbeat_s=5) if event]


class TestEventFeed:
    def test_it_ends_after_the_terminal_event(self, committed: Committed, feed: EventFeed, job_id: uuid.UUID) -> None:
        with committed() as session:
            end_job(session, job_id, JobState.FAILED)
        assert asyncio.run(_kinds(feed, job_id)) == ["queued", "failed"]

    def test_it_starts_after_the_last_known_event(
        self, committed: Committed, feed: EventFeed, job_id: uuid.UUID
    ) -> None:
        with committed() as session:
            add_event(session, job_id, "claimed")
            end_job(session, job_id, JobState.DONE)
        assert asyncio.run(_kinds(feed, job_id, after=2)) == ["done"]
        assert asyncio.run(_kinds(feed, job_id, after=3)) == []

    def test_events_arrive_as_they_are_written(self, committed: Committed, feed: EventFeed, job_id: uuid.UUID) -> None:
        async def run() -> list[str]:
            kinds = []
            async for event in feed.follow(job_id, after=0, heartbeat_s=5):
                assert event is not None
                kinds.append(event.kind)
                with committed() as session:
                    if event.kind == "queued":
                        add_event(session, job_id, "claimed")
                    elif event.kind == "claimed":
                        end_job(session, job_id, JobState.DONE)
            return kinds

        assert asyncio.run(run()) == ["queued", "claimed", "done"]

    def test_one_poller_serves_clients_at_different_places_of_different_jobs(
        self, committed: Committed, feed: EventFeed, job_id: uuid.UUID, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            other_id = add_run(session, stored).job_id
            for job in (job_id, other_id):
                end_job(session, job, JobState.DONE)

        async def run() -> tuple[list[str], ...]:
            answers = asyncio.gather(_kinds(feed, job_id), _kinds(feed, job_id, after=1), _kinds(feed, other_id))
            await asyncio.sleep(0)
            pollers = [task for task in asyncio.all_tasks() if task.get_name() == "job-event-poller"]
            assert len(pollers) == 1
            return tuple(await answers)

        assert asyncio.run(run()) == (["queued", "done"], ["done"], ["queued", "done"])

    def test_a_quiet_job_gives_heartbeats(self, feed: EventFeed, job_id: uuid.UUID) -> None:
        async def run() -> None:
            async with aclosing(feed.follow(job_id, after=1, heartbeat_s=0.02)) as events:
                assert await anext(events) is None
                assert await anext(events) is None

        asyncio.run(run())

    def test_a_client_that_leaves_is_forgotten_and_the_poller_ends(self, feed: EventFeed, job_id: uuid.UUID) -> None:
        async def run() -> None:
            async with aclosing(feed.follow(job_id, after=0, heartbeat_s=5)) as events:
                await anext(events)
                assert feed.n_subscribers == 1
            assert feed.n_subscribers == 0
            await asyncio.sleep(0.1)
            assert not [task for task in asyncio.all_tasks() if task.get_name() == "job-event-poller"]

        asyncio.run(run())

    def test_a_client_that_does_not_read_is_sent_no_more_than_two_batches(
        self, committed: Committed, feed: EventFeed, job_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.runs.event_feed._BATCH_EVENTS", 5)
        with committed() as session:
            for number in range(30):
                add_event(session, job_id, "epoch", {"n_done": number})
            end_job(session, job_id, JobState.DONE)

        async def run() -> int:
            async with aclosing(feed.follow(job_id, after=0, heartbeat_s=5)) as events:
                await anext(events)
                await asyncio.sleep(0.2)
                (subscriber,) = feed._subscribers
                n_waiting = subscriber.queue.qsize()
                assert [event.seq async for event in events if event] == list(range(2, 33))
                return n_waiting

        assert 0 < asyncio.run(run()) <= 10

    def test_a_deleted_job_ends_the_stream(self, committed: Committed, feed: EventFeed, job_id: uuid.UUID) -> None:
        with committed() as session:
            session.execute(delete(Job).where(Job.id == job_id))
        assert asyncio.run(_kinds(feed, job_id)) == []

    def test_a_database_that_is_away_for_a_moment_loses_nothing(
        self, committed: Committed, feed: EventFeed, job_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with committed() as session:
            end_job(session, job_id, JobState.DONE)
        read, failures = feed._read, iter([OperationalError("SELECT", None, Exception("away"))] * 2)

        def flaky(hindmost: dict[uuid.UUID, int]) -> object:
            for failure in failures:
                raise failure
            return read(hindmost)

        monkeypatch.setattr(feed, "_read", flaky)
        assert asyncio.run(_kinds(feed, job_id)) == ["queued", "done"]

    def test_stopping_ends_every_stream(self, feed: EventFeed, job_id: uuid.UUID) -> None:
        async def run() -> list[str]:
            following = asyncio.create_task(_kinds(feed, job_id, after=1))
            await asyncio.sleep(0.05)
            await feed.stop()
            return await asyncio.wait_for(following, 2)

        assert asyncio.run(run()) == []
