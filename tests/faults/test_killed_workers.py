"""Runs whose processes are killed, frozen or stopped end as if nothing had happened, with real processes."""

import os
import signal
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from app.core.embedded import EmbeddedServers
from app.core.models import JobKind, JobState, Run
from app.core.queue import WakeUps
from app.core.repositories.jobs import request_cancel
from app.core.repositories.workers import count_workers
from app.core.settings import Settings
from tests.factories import Committed
from tests.faults.conftest import StartWorker
from tests.faults.worker_process import WorkerProcess, living, wait_for
from tests.worker.jobs import QueuedImport, QueuedRun, events_of, job_of, queue_run, report_of
from tests.worker.processes import parent_of

pytestmark = pytest.mark.system

# Enough epochs that a training lasts for seconds, and is met in the middle.
_EPOCHS = [60, 60]
_Report = list[tuple[Any, ...]]  # Any: column values
_undisturbed: _Report = []


@pytest.fixture
def expected(
    committing: Committed, ready_corpus: QueuedImport, start_worker: StartWorker, wake_ups: WakeUps
) -> _Report:
    """The report of a run that nothing disturbed; the same in every test, so it is made once."""
    if not _undisturbed:
        worker = start_worker("undisturbed")
        run = begin_run(committing, ready_corpus, wake_ups)
        wait_done(committing, run)
        with committing() as session:
            _undisturbed.extend(report_of(session, run.run_id))
        worker.end()
    assert len(_undisturbed) == 48
    return _undisturbed


def begin_run(committing: Committed, corpus: QueuedImport, wake_ups: WakeUps) -> QueuedRun:
    run = queue_run(committing, corpus, round_epochs=_EPOCHS)
    wake_ups.send(JobKind.RUN, run.job_id)
    return run


def state_of(committing: Committed, job_id: uuid.UUID) -> tuple[str, int]:
    with committing() as session:
        job = job_of(session, job_id)
        return job.state, job.fence


def wait_training(committing: Committed, run: QueuedRun, worker: WorkerProcess) -> int:
    """Wait until a checkpoint of a tenth epoch or later is named; returns the process that trains."""

    def trained() -> bool:
        with committing() as session:
            checkpoint = job_of(session, run.job_id).checkpoint
        return checkpoint is not None and checkpoint["step"] >= "epoch-000010"

    wait_for("ten epochs", trained)
    return wait_for("a training process", worker.trainers)[0]


def wait_done(committing: Committed, run: QueuedRun, timeout_s: float = 60) -> None:
    wait_for("the end of the run", lambda: state_of(committing, run.job_id)[0] == JobState.DONE, timeout_s)


def check_published_once(committing: Committed, run: QueuedRun, expected: _Report, *, n_claims: int) -> None:
    """One report, equal to the undisturbed one to the last bit; and the log tells a legal story."""
    with committing() as session:
        job = job_of(session, run.job_id)
        assert (job.state, job.attempt, job.interruptions) == (JobState.DONE, n_claims, 0)
        assert session.get_one(Run, run.run_id).published_fence == job.fence
        assert report_of(session, run.run_id) == expected
        kinds = [kind for kind, _ in events_of(session, run.job_id)]
        assert kinds.count("claimed") == n_claims
        assert kinds.count("resumed") == n_claims - 1
        assert kinds.count("done") == 1
        assert kinds[-1] == "done"


def test_a_killed_training_is_resumed_from_its_checkpoint(
    committing: Committed,
    ready_corpus: QueuedImport,
    expected: _Report,
    start_worker: StartWorker,
    wake_ups: WakeUps,
) -> None:
    worker = start_worker("one")
    run = begin_run(committing, ready_corpus, wake_ups)
    os.kill(wait_training(committing, run, worker), signal.SIGKILL)
    wait_done(committing, run)
    check_published_once(committing, run, expected, n_claims=2)
    assert worker.is_running


def test_the_pool_process_killed_takes_its_training_along_and_the_run_is_resumed(
    committing: Committed,
    ready_corpus: QueuedImport,
    expected: _Report,
    start_worker: StartWorker,
    wake_ups: WakeUps,
) -> None:
    worker = start_worker("one")
    run = begin_run(committing, ready_corpus, wake_ups)
    trainer = wait_training(committing, run, worker)
    os.kill(parent_of(trainer), signal.SIGKILL)
    wait_for("the end of the training", lambda: not living([trainer]), timeout_s=5)
    wait_done(committing, run)
    check_published_once(committing, run, expected, n_claims=2)


def test_a_killed_worker_leaves_no_process_and_another_takes_over(
    committing: Committed,
    ready_corpus: QueuedImport,
    expected: _Report,
    start_worker: StartWorker,
    wake_ups: WakeUps,
) -> None:
    first = start_worker("first")
    run = begin_run(committing, ready_corpus, wake_ups)
    wait_for("the first worker's claim", lambda: state_of(committing, run.job_id)[0] == JobState.RUNNING)
    # Now rather than later: while it starts, the first one would train to the end.
    start_worker("second")
    wait_training(committing, run, first)
    family = first.family()
    first.kill()
    first.wait(5)
    wait_for("the end of its whole family", lambda: not living(family), timeout_s=5)
    wait_done(committing, run)
    check_published_once(committing, run, expected, n_claims=2)


def test_a_frozen_worker_writes_nothing_when_it_thaws(
    committing: Committed,
    ready_corpus: QueuedImport,
    expected: _Report,
    start_worker: StartWorker,
    wake_ups: WakeUps,
) -> None:
    frozen = start_worker("frozen")
    run = begin_run(committing, ready_corpus, wake_ups)
    trainer = wait_training(committing, run, frozen)
    family = frozen.family()
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    start_worker("second")
    wait_for("the other worker's claim", lambda: state_of(committing, run.job_id)[1] == 2)
    for pid in family:
        os.kill(pid, signal.SIGCONT)
    wait_for("the end of the fenced training", lambda: not living([trainer]), timeout_s=10)
    wait_done(committing, run)
    check_published_once(committing, run, expected, n_claims=2)
    with committing() as session:
        kinds = [kind for kind, _ in events_of(session, run.job_id)]
    claimed_again = len(kinds) - 1 - kinds[::-1].index("claimed")
    assert kinds[claimed_again + 1] in {"phase", "resumed"}


def test_a_worker_that_is_asked_to_stop_gives_its_run_back_within_seconds(
    committing: Committed,
    ready_corpus: QueuedImport,
    expected: _Report,
    start_worker: StartWorker,
    wake_ups: WakeUps,
) -> None:
    first = start_worker("first")
    run = begin_run(committing, ready_corpus, wake_ups)
    wait_training(committing, run, first)
    family = first.family()
    first.kill(signal.SIGTERM)
    wait_for("the run's release", lambda: state_of(committing, run.job_id)[0] == JobState.QUEUED, timeout_s=5)
    first.wait(10)
    assert not living(family)
    start_worker("second")
    wait_done(committing, run)
    check_published_once(committing, run, expected, n_claims=2)


def test_cancel_ends_a_training_and_leaves_nothing(
    committing: Committed,
    ready_corpus: QueuedImport,
    start_worker: StartWorker,
    wake_ups: WakeUps,
) -> None:
    worker = start_worker("one")
    run = begin_run(committing, ready_corpus, wake_ups)
    trainer = wait_training(committing, run, worker)
    with committing() as session:
        assert request_cancel(session, run.job_id) is JobState.CANCELLING
    wait_for("the cancellation", lambda: state_of(committing, run.job_id)[0] == JobState.CANCELLED, timeout_s=15)
    assert not living([trainer])
    with committing() as session:
        assert session.execute(text("SELECT count(*) FROM report_rows")).scalar_one() == 0


def test_no_run_is_lost_when_redis_is_killed_and_comes_back_empty(
    committing: Committed,
    ready_corpus: QueuedImport,
    expected: _Report,
    start_worker: StartWorker,
    wake_ups: WakeUps,
    breakable_servers: EmbeddedServers,
    kill_redis: Callable[[], None],
) -> None:
    worker = start_worker("one")
    running = begin_run(committing, ready_corpus, wake_ups)
    wait_training(committing, running, worker)
    waiting = begin_run(committing, ready_corpus, wake_ups)
    kill_redis()
    lost = queue_run(committing, ready_corpus, round_epochs=_EPOCHS)
    assert not wake_ups.send(JobKind.RUN, lost.job_id)
    assert breakable_servers.redis is not None
    breakable_servers.redis.launch()
    breakable_servers.redis.wait_ready(10)
    for run in (running, waiting, lost):
        wait_done(committing, run)
        check_published_once(committing, run, expected, n_claims=1)
    assert worker.is_running


def test_a_training_outlives_a_crash_of_the_database(
    committing: Committed,
    ready_corpus: QueuedImport,
    expected: _Report,
    start_worker: StartWorker,
    wake_ups: WakeUps,
    breakable_servers: EmbeddedServers,
) -> None:
    worker = start_worker("one")
    run = begin_run(committing, ready_corpus, wake_ups)
    trainer = wait_training(committing, run, worker)
    server = breakable_servers.postgres
    assert server is not None
    assert server.child is not None
    server.child.kill()
    server.launch()
    server.wait_ready(30)
    wait_for("the job's next attempt or end", lambda: "database.tried_again" in worker.log() or not living([trainer]))
    wait_done(committing, run)
    with committing() as session:
        n_claims = job_of(session, run.job_id).attempt
    # On a slow machine the restart may outlast the lease of this test; then the run is resumed.
    assert n_claims <= 2
    check_published_once(committing, run, expected, n_claims=n_claims)
    assert worker.is_running


def test_a_worker_says_that_it_lives_and_takes_its_leave(
    committing: Committed, start_worker: StartWorker, fault_settings: Settings
) -> None:
    def n_workers() -> int:
        with committing() as session:
            return count_workers(session, fault_settings.worker_seen_s)

    worker = start_worker("one")
    wait_for("its row", lambda: n_workers() == 1, timeout_s=5)
    family = worker.family()
    worker.kill(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert n_workers() == 0
    assert not living(family)


def test_what_a_killed_worker_left_on_the_disk_is_swept_by_the_next(
    committing: Committed,
    ready_corpus: QueuedImport,
    start_worker: StartWorker,
    wake_ups: WakeUps,
    fault_settings: Settings,
) -> None:
    first = start_worker("first")
    run = begin_run(committing, ready_corpus, wake_ups)
    wait_training(committing, run, first)
    first.kill()
    first.wait(5)
    work = fault_settings.data / "work"
    assert [path.name for path in work.iterdir() if path.is_dir()] == [f"{run.job_id}-1"]
    start_worker("second")
    wait_done(committing, run)
    wait_for("an empty folder", lambda: not list(work.iterdir()), timeout_s=5)
