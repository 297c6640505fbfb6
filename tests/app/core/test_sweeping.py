import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import make_engine, make_session_factory, session_scope
from app.core.errors import AppError
from app.core.models import Job, JobKind, JobState
from app.core.queue import WakeUps
from app.core.repositories.jobs import add_job
from app.core.sweeping import Sweeper
from tests.factories import add_workspace


class _Recorder(WakeUps):
    """Keeps what would be sent; as long as `is_away`, nothing can be."""

    def __init__(self) -> None:
        self.sent: list[tuple[JobKind, uuid.UUID]] = []
        self.n_refused = 0
        self.is_away = False
        self.has_sent = threading.Event()

    def send(self, kind: JobKind, job_id: uuid.UUID) -> bool:
        if self.is_away:
            self.n_refused += 1
            return False
        self.sent.append((kind, job_id))
        self.has_sent.set()
        return True


@pytest.fixture
def wake_ups() -> _Recorder:
    return _Recorder()


@pytest.fixture
def sweeper(session_factory: sessionmaker[Session], wake_ups: _Recorder) -> Sweeper:
    return Sweeper(session_factory, wake_ups, period_s=0.02, resend_s=60)


def _add_job(factory: sessionmaker[Session], kind: JobKind = JobKind.RUN, **values: object) -> uuid.UUID:
    with session_scope(factory) as session:
        job = add_job(session, workspace_id=add_workspace(session).id, kind=kind, subject_id=uuid.uuid4())
        if values:
            session.execute(update(Job).where(Job.id == job.id).values(**values))
    return job.id


def _ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


class TestSweep:
    def test_a_queued_job_is_woken(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper, wake_ups: _Recorder
    ) -> None:
        job_id = _add_job(session_factory, JobKind.IMPORT)
        assert sweeper.sweep() == 1
        assert wake_ups.sent == [(JobKind.IMPORT, job_id)]

    def test_a_job_whose_lease_ran_out_is_woken(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper, wake_ups: _Recorder
    ) -> None:
        job_id = _add_job(session_factory, state=JobState.RUNNING, lease_until=_ago(1), sent_at=_ago(61))
        sweeper.sweep()
        assert wake_ups.sent == [(JobKind.RUN, job_id)]

    @pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
    def test_an_ended_job_is_not_woken(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper, state: JobState
    ) -> None:
        _add_job(session_factory, state=state, lease_until=_ago(1))
        assert sweeper.sweep() == 0

    def test_a_job_that_is_worked_on_is_not_woken(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper
    ) -> None:
        _add_job(session_factory, state=JobState.RUNNING, lease_until=_ago(-30))
        assert sweeper.sweep() == 0

    def test_it_is_woken_once_within_the_time_that_a_wake_up_counts(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper
    ) -> None:
        _add_job(session_factory)
        assert [sweeper.sweep(), sweeper.sweep()] == [1, 0]

    def test_it_is_woken_again_after_that_time(self, session_factory: sessionmaker[Session], sweeper: Sweeper) -> None:
        _add_job(session_factory, sent_at=_ago(61))
        assert sweeper.sweep() == 1

    def test_what_the_broker_refused_is_due_again_at_once(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper, wake_ups: _Recorder
    ) -> None:
        job_ids = {_add_job(session_factory) for _ in range(3)}
        wake_ups.is_away = True
        assert sweeper.sweep() == 0
        wake_ups.is_away = False
        sweeper.sweep()
        assert {job_id for _, job_id in wake_ups.sent} == job_ids

    def test_a_broker_that_is_away_is_asked_once_a_sweep(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper, wake_ups: _Recorder
    ) -> None:
        for _ in range(3):
            _add_job(session_factory)
        wake_ups.is_away = True
        sweeper.sweep()
        assert wake_ups.n_refused == 1

    def test_two_sweepers_share_the_work(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper, wake_ups: _Recorder
    ) -> None:
        for _ in range(20):
            _add_job(session_factory)
        threads = [threading.Thread(target=sweeper.sweep) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(wake_ups.sent) == len(set(wake_ups.sent)) == 20


class TestRunningSweeper:
    def test_it_wakes_what_comes_while_it_runs(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper, wake_ups: _Recorder
    ) -> None:
        sweeper.start()
        _add_job(session_factory)
        assert wake_ups.has_sent.wait(5)
        sweeper.stop()

    def test_it_survives_a_database_that_is_away(
        self, session_factory: sessionmaker[Session], wake_ups: _Recorder, database_url: str
    ) -> None:
        engine = make_engine(database_url)
        working = make_session_factory(engine)
        nowhere = make_session_factory(make_engine("postgresql+psycopg://x@/x?host=/nowhere"))
        n_tries = 0

        def flaky() -> Session:
            nonlocal n_tries
            n_tries += 1
            return nowhere() if n_tries < 4 else working()

        _add_job(session_factory)
        sweeper = Sweeper(flaky, wake_ups, period_s=0.02, resend_s=60)  # type: ignore[arg-type]  # all it does is call it
        sweeper.start()
        assert wake_ups.has_sent.wait(5)
        sweeper.stop()
        engine.dispose()

    def test_it_survives_a_broker_that_is_away(
        self, session_factory: sessionmaker[Session], sweeper: Sweeper, wake_ups: _Recorder
    ) -> None:
        wake_ups.is_away = True
        _add_job(session_factory)
        sweeper.start()
        deadline = time.monotonic() + 5
        while wake_ups.n_refused < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        wake_ups.is_away = False
        assert wake_ups.has_sent.wait(5)
        sweeper.stop()

    def test_its_chores_follow_every_sweep_whether_or_not_one_fails(self, sweeper: Sweeper) -> None:
        done = threading.Event()

        def fail() -> None:
            raise AppError("the storage is away")

        sweeper.add_chore(fail)
        sweeper.add_chore(done.set)
        sweeper.start()
        assert done.wait(5)
        done.clear()
        assert done.wait(5)
        sweeper.stop()

    def test_stopping_it_ends_its_thread(self, sweeper: Sweeper) -> None:
        sweeper.start()
        sweeper.stop()
        assert "sweeper" not in {thread.name for thread in threading.enumerate()}

    def test_stopping_it_twice_is_the_same_as_once(self, sweeper: Sweeper) -> None:
        sweeper.start()
        sweeper.stop()
        sweeper.stop()

    def test_a_single_sweep_tells_of_a_database_that_is_away(self, wake_ups: _Recorder) -> None:
        nowhere = make_session_factory(make_engine("postgresql+psycopg://x@/x?host=/nowhere"))
        with pytest.raises(OperationalError):
            Sweeper(nowhere, wake_ups, period_s=1, resend_s=1).sweep()
