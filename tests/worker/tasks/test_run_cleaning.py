"""Runs as jobs, against the real database and with real stage processes."""

import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import redis
from sqlalchemy import delete, text

from app.core.models import JobState, Run
from app.core.repositories.jobs import claim_job, request_cancel
from app.core.storage import Storage
from crcl_core.retrieval import open_index
from crcl_core.training import load_model
from tests.factories import Committed
from tests.worker.jobs import (
    QueuedImport,
    coloured_corpus,
    counts_of,
    events_of,
    job_of,
    kinds_of,
    queue_import,
    queue_run,
    report_of,
    stored_files,
)
from tests.worker.processes import command_of, descendants
from worker.context import WorkerContext
from worker.pipeline import training
from worker.stopping import stop_flag
from worker.supervisor import Message
from worker.tasks.import_corpus import import_corpus
from worker.tasks.run_cleaning import run_cleaning

_N_PAIRS = 48
# Epochs that are longer than the supervisor takes to hear of one, so that a training is met in its middle.
_LONG = {"round_epochs": [8, 8], "batch_size": 2}
_EXPECTED: list[tuple[Any, ...]] = []  # Any: column values


def kill_trainers() -> None:
    """End the stage process of this process, as running out of memory would."""
    for pid in trainer_pids():
        os.kill(pid, signal.SIGKILL)


def trainer_pids() -> list[int]:
    """Stage processes that this process started and that still live."""
    return [pid for pid in descendants(os.getpid()) if "worker.trainer" in command_of(pid)]


@pytest.fixture
def corpus(worker: WorkerContext, committed: Committed, storage: Storage, tmp_path: Path) -> QueuedImport:
    """A ready corpus of 24 images and 48 pairs."""
    queued = queue_import(committed, storage, coloured_corpus(tmp_path / "corpus.zip"))
    import_corpus(worker, queued.job_id)
    return queued


def at_epoch(monkeypatch: pytest.MonkeyPatch, n_done: int, act: Callable[[], None]) -> None:
    """Do something once, when the supervisor has recorded that many epochs."""
    real = training._heard
    pending = [act]

    def heard(work: Any, keeper: Any, message: Message) -> None:  # Any: passed on
        real(work, keeper, message)
        if message["kind"] == "epoch" and message["report"]["n_done_epochs"] == n_done and pending:
            pending.pop()()

    monkeypatch.setattr(training, "_heard", heard)


class TestWorks:
    def test_a_run_publishes_its_report_and_everything_that_a_search_needs(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport, storage_root: Path, storage: Storage
    ) -> None:
        run = queue_run(committed, corpus)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert (job.state, job.progress, job.error) == (JobState.DONE, 1.0, None)
            kinds = kinds_of(session, run.job_id)
            assert kinds[:3] == ["queued", "claimed", "phase"]
            assert kinds[-1] == "done"
            assert {"features", "epoch", "checkpoint"} <= set(kinds)
            phases = [data["phase"] for kind, data in events_of(session, run.job_id) if kind == "phase"]
            assert phases == ["features", "train", "report", "index"]
            row = session.get_one(Run, run.run_id)
            assert (row.published_fence, row.artefact_prefix) == (1, f"runs/{run.run_id}/1")
            report = report_of(session, run.run_id)
        self._check_report(report)
        assert row.summary is not None
        self._check_summary(row.summary, report)
        assert row.artefact_prefix is not None
        self._check_artefacts(storage, row.artefact_prefix, report)
        assert not stored_files(storage_root, f"runs/{run.run_id}/checkpoints")
        assert not list(worker.work_root.iterdir())

    def _check_report(self, report: list[tuple[Any, ...]]) -> None:  # Any: column values
        assert [row[1] for row in report] == list(range(1, _N_PAIRS + 1))
        correspondences = [row[2] for row in report]
        assert correspondences == sorted(correspondences)
        assert all(0 <= row[2] <= 1 and 0 <= row[3] <= 1 for row in report)

    def _check_summary(self, summary: dict[str, Any], report: list[tuple[Any, ...]]) -> None:  # Any: JSON
        assert (summary["n_pairs"], summary["n_images"], summary["n_captions"]) == (_N_PAIRS, 24, _N_PAIRS)
        assert (summary["threshold"], summary["fdr"]) == (0.1, None)
        assert summary["n_flagged"] == sum(row[2] < summary["threshold"] for row in report)
        assert sum(summary["correspondence_histogram"]) == _N_PAIRS
        assert summary["mean_correspondence"] == pytest.approx(sum(row[2] for row in report) / _N_PAIRS, abs=1e-6)
        assert set(summary["seconds_by_phase"]) == {"features", "train", "report", "index"}
        assert (summary["encoder"], summary["round_epochs"], summary["n_threads"]) == ("toy", [2, 2], 1)
        # So small a corpus gives too few decoys for probabilities.
        assert (summary["is_calibrated"], summary["noise_rate"]) == (False, None)
        assert (summary["reliability"], summary["reliability_reason"]) == ("insufficient", "too_few_decoys")

    def _check_artefacts(self, storage: Storage, prefix: str, report: list[tuple[Any, ...]]) -> None:  # Any: as above
        by_rank = np.array([row[2] for row in report], dtype=np.float32)  # text rounds to what float32 tells apart
        assert load_model(storage.local_path(f"{prefix}/model.safetensors")).embedding_model.embedding_dim == 16
        with np.load(storage.local_path(f"{prefix}/pairs.npz"), allow_pickle=False) as pairs:
            assert np.array_equal(np.sort(pairs["correspondence"]), by_rank)
            assert pairs["image_index"].tolist() == [number // 2 for number in range(_N_PAIRS)]
            assert pairs["caption_index"].tolist() == list(range(_N_PAIRS))
        for name, n in (("images", 24), ("captions", _N_PAIRS)):
            assert open_index(storage.local_path(f"{prefix}/index/{name}/index.json").parent).n == n
        table = pq.read_table(storage.local_path(f"{prefix}/report.parquet"))
        assert np.array_equal(table.column("correspondence").to_numpy(), by_rank)

    @pytest.mark.long
    def test_a_run_of_the_papers_method_plants_nothing_and_says_so(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        run = queue_run(committed, corpus, method="crcl")
        run_cleaning(worker, run.job_id)
        with committed() as session:
            summary = session.get_one(Run, run.run_id).summary
        assert summary is not None
        assert (summary["n_decoys"], summary["reliability_reason"]) == (0, "not_planted")

    @pytest.mark.long
    def test_a_threshold_of_the_configuration_is_published(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        run = queue_run(committed, corpus, threshold=0.5)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            summary = session.get_one(Run, run.run_id).summary
            report = report_of(session, run.run_id)
        assert summary is not None
        assert (summary["threshold"], summary["fdr"]) == (0.5, None)
        assert summary["n_flagged"] == sum(row[2] < 0.5 for row in report)

    def test_the_same_seed_gives_the_same_report_and_reuses_the_features(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport, storage_root: Path
    ) -> None:
        runs = [queue_run(committed, corpus, seed=7), queue_run(committed, corpus, seed=7)]
        for run in runs:
            run_cleaning(worker, run.job_id)
        with committed() as session:
            first, second = (report_of(session, run.run_id) for run in runs)
            reused = [data for kind, data in events_of(session, runs[1].job_id) if kind == "features"]
            assert counts_of(session, {"feature_sets": "true"}) == {"feature_sets": 1}
        assert first == second
        assert [data.get("is_reused") for data in reused] == [True]
        assert len(stored_files(storage_root, "features/")) == 2

    def test_a_second_message_changes_nothing(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        run = queue_run(committed, corpus)
        for _ in range(2):
            run_cleaning(worker, run.job_id)
        with committed() as session:
            assert job_of(session, run.job_id).attempt == 1
            assert counts_of(session, {"report_rows": "true"}) == {"report_rows": _N_PAIRS}


class TestGone:
    def test_a_job_that_does_not_exist(self, worker: WorkerContext) -> None:
        run_cleaning(worker, uuid.uuid4())

    def test_a_run_that_does_not_exist_any_more(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        run = queue_run(committed, corpus)
        with committed() as session:
            session.execute(delete(Run))
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert job.error is not None
            assert (job.state, job.error["code"]) == (JobState.FAILED, "run_gone")


class TestFails:
    def test_an_encoder_that_cannot_be_used(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport, storage_root: Path
    ) -> None:
        run = queue_run(committed, corpus, encoder="unheard-of")
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert job.error is not None
            assert (job.state, job.error["code"]) == (JobState.FAILED, "encoder_unavailable")
            assert "unheard-of" in job.error["detail"]
        assert not stored_files(storage_root, "runs/")

    def test_a_training_that_diverges(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport, storage_root: Path
    ) -> None:
        run = queue_run(committed, corpus, learning_rate=1.0, temperature=1e-38)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert job.error is not None
            assert (job.state, job.error["code"]) == (JobState.FAILED, "diverged")
        assert not stored_files(storage_root, "runs/")

    def test_a_run_that_keeps_killing_its_worker(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        run = queue_run(committed, corpus)
        with committed() as session:
            session.execute(text("UPDATE jobs SET interruptions = 3 WHERE id = :id"), {"id": run.job_id})
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert job.error is not None
            assert (job.state, job.error["code"]) == (JobState.FAILED, "interrupted")
            assert "3 times" in job.error["detail"]


@pytest.mark.long  # tests/faults kills real workers in make test-system; these look at the bits.
@pytest.mark.timeout(240)
class TestResumes:
    @pytest.fixture
    def expected(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> list[tuple[Any, ...]]:  # Any: column values
        """The report of a run that nothing disturbed; it is the same in every test, so it is made once."""
        if not _EXPECTED:
            run = queue_run(committed, corpus, **_LONG)
            run_cleaning(worker, run.job_id)
            with committed() as session:
                _EXPECTED.extend(report_of(session, run.run_id))
        assert len(_EXPECTED) == _N_PAIRS
        return _EXPECTED

    def test_a_killed_training_goes_on_from_its_checkpoint(
        self,
        worker: WorkerContext,
        committed: Committed,
        corpus: QueuedImport,
        expected: list[tuple[Any, ...]],  # Any: column values
        broker: redis.Redis,
        storage_root: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run = queue_run(committed, corpus, **_LONG)
        at_epoch(monkeypatch, 2, kill_trainers)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert (job.state, job.interruptions) == (JobState.QUEUED, 1)
            kind, data = events_of(session, run.job_id)[-1]
            assert (kind, "SIGKILL" in data["detail"]) == ("interrupted", True)
            assert job.checkpoint is not None
            newest = job.checkpoint["step"]
        assert newest >= "epoch-000002"
        assert broker.llen("gpu") == 1
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert (job.state, job.attempt, job.interruptions) == (JobState.DONE, 2, 0)
            resumed = [data["step"] for kind, data in events_of(session, run.job_id) if kind == "resumed"]
            assert resumed == [newest]
            assert report_of(session, run.run_id) == expected
            assert session.get_one(Run, run.run_id).artefact_prefix == f"runs/{run.run_id}/2"
        assert {key.split("/")[2] for key in stored_files(storage_root, f"runs/{run.run_id}")} == {"2"}

    @pytest.mark.parametrize("n_damaged", [1, 2])
    def test_a_damaged_checkpoint_is_passed_over(
        self,
        n_damaged: int,
        worker: WorkerContext,
        committed: Committed,
        corpus: QueuedImport,
        expected: list[tuple[Any, ...]],  # Any: column values
        storage_root: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run = queue_run(committed, corpus, **_LONG)
        at_epoch(monkeypatch, 2, kill_trainers)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            newest = job_of(session, run.job_id).checkpoint
        assert newest is not None
        for checkpoint in (newest, newest["previous"])[:n_damaged]:
            path = storage_root / checkpoint["prefix"] / f"{checkpoint['step']}.safetensors"
            path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
        run_cleaning(worker, run.job_id)
        with committed() as session:
            events = events_of(session, run.job_id)
            refused = [data["step"] for kind, data in events if kind == "checkpoint_refused"]
            resumed = [data["step"] for kind, data in events if kind == "resumed"]
            assert refused == [newest["step"], newest["previous"]["step"]][:n_damaged]
            assert resumed == ([newest["previous"]["step"]] if n_damaged == 1 else [])
            assert report_of(session, run.run_id) == expected

    def test_a_worker_that_stops_lets_the_training_finish_its_epoch_and_gives_the_run_back(
        self,
        worker: WorkerContext,
        committed: Committed,
        corpus: QueuedImport,
        expected: list[tuple[Any, ...]],  # Any: column values
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run = queue_run(committed, corpus, **_LONG)
        at_epoch(monkeypatch, 2, stop_flag.set)
        run_cleaning(worker, run.job_id)
        stop_flag.clear()
        with committed() as session:
            job = job_of(session, run.job_id)
            assert (job.state, job.interruptions) == (JobState.QUEUED, 0)
            assert kinds_of(session, run.job_id)[-1] == "released"
        assert not trainer_pids()
        run_cleaning(worker, run.job_id)
        with committed() as session:
            assert job_of(session, run.job_id).state == JobState.DONE
            assert "resumed" in kinds_of(session, run.job_id)
            assert report_of(session, run.run_id) == expected


class TestStopped:
    def test_cancelled_midway(
        self,
        worker: WorkerContext,
        committed: Committed,
        corpus: QueuedImport,
        storage_root: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run = queue_run(committed, corpus, round_epochs=[50, 50])

        def cancel() -> None:
            with committed() as session:
                request_cancel(session, run.job_id)

        at_epoch(monkeypatch, 2, cancel)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            assert job_of(session, run.job_id).state == JobState.CANCELLED
            assert kinds_of(session, run.job_id)[-1] == "cancelled"
            assert counts_of(session, {"report_rows": "true"}) == {"report_rows": 0}
        assert not stored_files(storage_root, "runs/")
        assert not trainer_pids()

    def test_the_lease_lost_midway_ends_the_training_and_writes_nothing(
        self,
        worker: WorkerContext,
        committed: Committed,
        corpus: QueuedImport,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run = queue_run(committed, corpus, round_epochs=[50, 50])

        def take_over() -> None:
            # In one transaction: a heartbeat between the two would renew the lease.
            with committed() as session:
                session.execute(text("UPDATE jobs SET lease_until = now() - interval '1 second'"))
                assert claim_job(session, run.job_id, lease_s=60, worker="other")

        at_epoch(monkeypatch, 2, take_over)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert (job.state, job.worker, job.fence) == (JobState.RUNNING, "other", 2)
            assert kinds_of(session, run.job_id)[-1] == "claimed"
            assert counts_of(session, {"report_rows": "true"}) == {"report_rows": 0}
            assert session.get_one(Run, run.run_id).summary is None
        assert not trainer_pids()

    def test_a_training_that_says_nothing_is_ended(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        silent = WorkerContext(worker.settings.model_copy(update={"no_progress_s": 0.05}))
        run = queue_run(committed, corpus)
        run_cleaning(silent, run.job_id)
        silent.engine.dispose()
        with committed() as session:
            assert job_of(session, run.job_id).interruptions == 1
            kind, data = events_of(session, run.job_id)[-1]
            assert (kind, "no progress for 0.05 s" in data["detail"]) == ("interrupted", True)
        assert not trainer_pids()
