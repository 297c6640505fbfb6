"""The thread that keeps a lease."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import make_engine, make_session_factory
from app.core.errors import JobCancelledError, LeaseLostError
from app.core.models import JobKind
from app.core.repositories.jobs import Claim, add_job, claim_job, request_cancel
from tests.factories import Committed, add_workspace
from tests.worker.jobs import job_of
from worker.heartbeat import Heartbeat, WorkerStoppingError


@pytest.fixture
def claim(committed: Committed) -> Claim:
    with committed() as session:
        workspace = add_workspace(session)
        job = add_job(session, workspace_id=workspace.id, kind=JobKind.RUN, subject_id=workspace.id)
    with committed() as session:
        claim = claim_job(session, job.id, lease_s=30, worker="test")
    assert claim is not None
    return claim


def heartbeat(
    factory: sessionmaker[Session],
    claim: Claim,
    *,
    lease_s: float = 30,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Heartbeat:
    return Heartbeat(factory, claim, lease_s=lease_s, heartbeat_s=0.02, is_stopping=is_stopping)


def raised_by(check: Callable[[], None], timeout_s: float = 5) -> type[Exception]:
    """The kind of error that `check` comes to raise."""
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        try:
            check()
        except (JobCancelledError, LeaseLostError, WorkerStoppingError) as error:
            return type(error)
        time.sleep(0.01)
    raise AssertionError("the check goes on returning")


def test_it_extends_the_lease(session_factory: sessionmaker[Session], claim: Claim, committed: Committed) -> None:
    with committed() as session:
        before = job_of(session, claim.job_id).lease_until
    with heartbeat(session_factory, claim, lease_s=600) as beating:
        give_up_at = time.monotonic() + 5
        after = before
        while after == before and time.monotonic() < give_up_at:
            with committed() as session:
                after = job_of(session, claim.job_id).lease_until
        beating.check()
    assert before is not None
    assert after is not None
    assert (after - before).total_seconds() > 500


def test_it_learns_of_a_cancellation(
    session_factory: sessionmaker[Session], claim: Claim, committed: Committed
) -> None:
    with heartbeat(session_factory, claim) as beating:
        with committed() as session:
            request_cancel(session, claim.job_id)
        assert raised_by(beating.check) is JobCancelledError


def test_it_learns_that_another_holds_the_job(
    session_factory: sessionmaker[Session], claim: Claim, committed: Committed
) -> None:
    with heartbeat(session_factory, claim) as beating:
        with committed() as session:
            session.execute(text("UPDATE jobs SET fence = fence + 1"))
        assert raised_by(beating.check) is LeaseLostError


def test_it_learns_that_its_worker_stops(session_factory: sessionmaker[Session], claim: Claim) -> None:
    with heartbeat(session_factory, claim, is_stopping=lambda: True) as beating:
        assert raised_by(beating.check) is WorkerStoppingError


def test_without_a_database_the_lease_counts_as_lost_when_it_must_have_run_out(engine: Engine, claim: Claim) -> None:
    nowhere = make_engine(engine.url.set(query={"host": "/nonexistent"}).render_as_string(hide_password=False))
    started_at = time.monotonic()
    with heartbeat(make_session_factory(nowhere), claim, lease_s=0.3) as beating:
        beating.check()
        assert raised_by(beating.check) is LeaseLostError
    assert time.monotonic() - started_at >= 0.3
    nowhere.dispose()
