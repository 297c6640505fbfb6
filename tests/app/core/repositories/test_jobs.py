"""The job table as a queue: lease, fence, events. Times are the database's, so tests move them in the rows."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import session_scope
from app.core.errors import LeaseLostError
from app.core.models import Job, JobEvent, JobKind, JobState
from app.core.repositories.jobs import (
    Claim,
    add_job,
    append_event,
    beat,
    claim_job,
    due_jobs,
    finish_job,
    forget_sent,
    record_progress,
    release_job,
    request_cancel,
)
from tests.factories import add_workspace

LEASE_S = 60
PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def job(session: Session) -> Job:
    return add_job(session, workspace_id=add_workspace(session).id, kind=JobKind.RUN, subject_id=uuid.uuid4())


@pytest.fixture
def claim(session: Session, job: Job) -> Claim:
    return _claim(session, job)


def _claim(session: Session, job: Job) -> Claim:
    claim = claim_job(session, job.id, lease_s=LEASE_S, worker="host:1")
    assert claim is not None
    return claim


def _read(session: Session, job: Job) -> Job:
    session.refresh(job)
    return job


def _change(session: Session, job: Job, **values: Any) -> None:  # Any: column values
    session.execute(update(Job).where(Job.id == job.id).values(**values))


def _events(session: Session, job: Job) -> list[str]:
    rows = session.execute(select(JobEvent.kind).where(JobEvent.job_id == job.id).order_by(JobEvent.seq))
    return list(rows.scalars())


def _take_over(session: Session, job: Job) -> Claim:
    """Let the lease run out and claim again, as another worker does."""
    _change(session, job, lease_until=PAST)
    return _claim(session, job)


class TestAddJob:
    def test_it_is_queued_and_its_log_begins(self, session: Session, job: Job) -> None:
        assert (job.state, job.fence, job.attempt) == (JobState.QUEUED, 0, 0)
        assert _events(session, job) == ["queued"]


class TestClaimJob:
    def test_a_queued_job_is_taken(self, session: Session, job: Job, claim: Claim) -> None:
        row = _read(session, job)
        assert (row.state, row.fence, row.attempt, row.worker) == (JobState.RUNNING, 1, 1, "host:1")
        assert (claim.fence, claim.attempt, claim.interruptions) == (1, 1, 0)

    def test_the_lease_is_counted_on_the_databases_clock(self, session: Session, job: Job, claim: Claim) -> None:
        row = _read(session, job)
        assert row.lease_until is not None
        assert row.started_at is not None
        assert row.lease_until - row.started_at == timedelta(seconds=LEASE_S)
        assert claim

    def test_a_held_job_is_not_taken(self, session: Session, job: Job, claim: Claim) -> None:
        assert claim_job(session, job.id, lease_s=LEASE_S, worker="host:2") is None
        assert claim

    def test_an_unknown_job_is_not_taken(self, session: Session) -> None:
        assert claim_job(session, uuid.uuid4(), lease_s=LEASE_S, worker="host:2") is None

    @pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
    def test_an_ended_job_is_not_taken(self, session: Session, job: Job, state: JobState) -> None:
        _change(session, job, state=state, lease_until=PAST)
        assert claim_job(session, job.id, lease_s=LEASE_S, worker="host:2") is None

    def test_taking_over_an_expired_lease_is_an_interruption(self, session: Session, job: Job, claim: Claim) -> None:
        second = _take_over(session, job)
        assert (second.fence, second.attempt, second.interruptions) == (claim.fence + 1, 2, 1)

    def test_a_cancellation_survives_the_worker_that_did_not_hear_it(
        self, session: Session, job: Job, claim: Claim
    ) -> None:
        request_cancel(session, job.id)
        second = _take_over(session, job)
        assert second.cancel_requested
        assert _read(session, job).state == JobState.CANCELLING
        assert claim

    def test_the_newest_checkpoint_comes_with_it(self, session: Session, job: Job, claim: Claim) -> None:
        checkpoint = {"key": "k", "sha256": "0", "step": 3}
        record_progress(session, claim, phase="train", progress=0.5, checkpoint=checkpoint)
        assert _take_over(session, job).checkpoint == checkpoint

    def test_of_many_claimers_at_once_one_gets_it(self, session_factory: sessionmaker[Session]) -> None:
        with session_scope(session_factory) as session:
            workspace_id = add_workspace(session).id
            job = add_job(session, workspace_id=workspace_id, kind=JobKind.RUN, subject_id=uuid.uuid4())
        start = threading.Barrier(8)

        def claim(number: int) -> Claim | None:
            start.wait()
            with session_scope(session_factory) as session:
                return claim_job(session, job.id, lease_s=LEASE_S, worker=f"host:{number}")

        with ThreadPoolExecutor(8) as pool:
            claims = list(pool.map(claim, range(8)))
        assert sum(found is not None for found in claims) == 1


class TestFence:
    """Whoever lost the lease can write nothing more."""

    @pytest.fixture
    def stale(self, session: Session, job: Job, claim: Claim) -> Claim:
        _take_over(session, job)
        return claim

    def test_its_heartbeat_is_refused(self, session: Session, stale: Claim) -> None:
        with pytest.raises(LeaseLostError, match="fence 1"):
            beat(session, stale, lease_s=LEASE_S)

    def test_its_progress_is_refused(self, session: Session, stale: Claim) -> None:
        with pytest.raises(LeaseLostError):
            record_progress(session, stale, phase="train", progress=0.9)

    def test_its_events_are_refused(self, session: Session, stale: Claim) -> None:
        with pytest.raises(LeaseLostError):
            append_event(session, stale, "epoch", {})

    def test_its_end_is_refused(self, session: Session, job: Job, stale: Claim) -> None:
        with pytest.raises(LeaseLostError):
            finish_job(session, stale, JobState.DONE)
        assert _read(session, job).state == JobState.RUNNING

    def test_its_release_is_refused(self, session: Session, stale: Claim) -> None:
        with pytest.raises(LeaseLostError):
            release_job(session, stale)

    def test_an_expired_lease_that_nobody_took_still_writes(self, session: Session, job: Job, claim: Claim) -> None:
        _change(session, job, lease_until=PAST)
        assert beat(session, claim, lease_s=LEASE_S) is False


class TestBeat:
    def test_it_extends_the_lease(self, session: Session, job: Job, claim: Claim) -> None:
        _change(session, job, lease_until=PAST)
        beat(session, claim, lease_s=LEASE_S)
        lease_until = _read(session, job).lease_until
        assert lease_until is not None
        assert lease_until > PAST

    def test_it_tells_that_a_cancellation_is_wanted(self, session: Session, job: Job, claim: Claim) -> None:
        assert beat(session, claim, lease_s=LEASE_S) is False
        request_cancel(session, job.id)
        assert beat(session, claim, lease_s=LEASE_S) is True


class TestRecordProgress:
    def test_it_is_what_the_row_shows(self, session: Session, job: Job, claim: Claim) -> None:
        record_progress(session, claim, phase="train", progress=0.5, eta_s=9.0, metrics={"loss": 1.0})
        row = _read(session, job)
        assert (row.phase, row.progress, row.eta_s, row.metrics) == ("train", 0.5, 9.0, {"loss": 1.0})

    def test_without_new_metrics_the_old_ones_stay(self, session: Session, job: Job, claim: Claim) -> None:
        record_progress(session, claim, phase="train", progress=0.5, metrics={"loss": 1.0})
        record_progress(session, claim, phase="train", progress=0.6)
        assert _read(session, job).metrics == {"loss": 1.0}

    def test_a_checkpoint_clears_the_interruptions(self, session: Session, job: Job, claim: Claim) -> None:
        second = _take_over(session, job)
        record_progress(session, second, phase="train", progress=0.5, checkpoint={"key": "k"})
        assert _read(session, job).interruptions == 0
        assert claim

    def test_progress_alone_does_not_clear_them(self, session: Session, job: Job, claim: Claim) -> None:
        second = _take_over(session, job)
        record_progress(session, second, phase="train", progress=0.5)
        assert _read(session, job).interruptions == 1
        assert claim


class TestAppendEvent:
    def test_numbers_are_without_gaps(self, session: Session, claim: Claim) -> None:
        assert [append_event(session, claim, "epoch", {}) for _ in range(3)] == [3, 4, 5]


class TestFinishJob:
    @pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
    def test_the_last_event_says_how_it_ended(self, session: Session, job: Job, claim: Claim, state: JobState) -> None:
        finish_job(session, claim, state)
        row = _read(session, job)
        assert row.state == _events(session, job)[-1] == state
        assert row.finished_at is not None
        assert row.lease_until is None

    def test_a_job_that_is_done_shows_full_progress(self, session: Session, job: Job, claim: Claim) -> None:
        finish_job(session, claim, JobState.DONE)
        assert _read(session, job).progress == 1.0

    def test_a_job_that_failed_says_why(self, session: Session, job: Job, claim: Claim) -> None:
        error = {"code": "diverged", "detail": "the loss is not finite"}
        finish_job(session, claim, JobState.FAILED, error=error)
        assert _read(session, job).error == error

    def test_it_ends_once(self, session: Session, claim: Claim) -> None:
        finish_job(session, claim, JobState.DONE)
        with pytest.raises(LeaseLostError):
            finish_job(session, claim, JobState.FAILED)


class TestReleaseJob:
    def test_it_is_queued_again_without_an_interruption(self, session: Session, job: Job, claim: Claim) -> None:
        release_job(session, claim)
        assert _read(session, job).state == JobState.QUEUED
        assert _claim(session, job).interruptions == 0


class TestRequestCancel:
    def test_a_queued_job_ends_at_once(self, session: Session, job: Job) -> None:
        assert request_cancel(session, job.id) is JobState.CANCELLED
        assert _events(session, job) == ["queued", "cancelled"]
        assert _read(session, job).finished_at is not None

    def test_a_running_job_is_asked_to_stop(self, session: Session, job: Job, claim: Claim) -> None:
        assert request_cancel(session, job.id) is JobState.CANCELLING
        assert _events(session, job)[-1] == "cancelling"
        assert claim

    def test_asking_twice_is_the_same_as_once(self, session: Session, job: Job, claim: Claim) -> None:
        states = [request_cancel(session, job.id) for _ in range(2)]
        assert states == [JobState.CANCELLING, JobState.CANCELLING]
        assert Counter(_events(session, job))["cancelling"] == 1
        assert claim

    def test_an_ended_job_stays_as_it_is(self, session: Session, job: Job, claim: Claim) -> None:
        finish_job(session, claim, JobState.DONE)
        assert request_cancel(session, job.id) is JobState.DONE


class TestDueJobs:
    def test_it_marks_what_it_gives(self, session: Session, job: Job) -> None:
        assert due_jobs(session, resend_s=LEASE_S) == [(job.id, JobKind.RUN)]
        assert due_jobs(session, resend_s=LEASE_S) == []

    def test_what_is_forgotten_is_due_again(self, session: Session, job: Job) -> None:
        due_jobs(session, resend_s=LEASE_S)
        forget_sent(session, [job.id])
        assert due_jobs(session, resend_s=LEASE_S) == [(job.id, JobKind.RUN)]

    def test_it_gives_no_more_than_asked_for(self, session: Session, job: Job) -> None:
        add_job(session, workspace_id=job.workspace_id, kind=JobKind.IMPORT, subject_id=uuid.uuid4())
        assert len(due_jobs(session, resend_s=LEASE_S, limit=1)) == 1
