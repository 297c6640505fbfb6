"""Runs that are asked for a certificate, with real stage processes."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.models import JobState, Run
from app.core.storage import LocalStorage
from tests.factories import Committed
from tests.worker.jobs import QueuedRun, coloured_corpus, events_of, job_of, queue_import, queue_run, stored_files
from worker.context import WorkerContext
from worker.tasks.import_corpus import import_corpus
from worker.tasks.run_cleaning import run_cleaning


class _Runs:
    """Cleans a corpus of coloured squares with settings of the caller's."""

    def __init__(self, worker: WorkerContext, committed: Committed, folder: Path) -> None:
        self._worker = worker
        self._committed = committed
        self._folder = folder

    def clean(self, n_images: int, **config: Any) -> tuple[QueuedRun, dict[str, Any]]:  # Any: fields of a RunConfig
        """The run, and its summary."""
        archive = coloured_corpus(self._folder / "corpus.zip", n_images)
        queued = queue_import(self._committed, self._worker.storage, archive)
        import_corpus(self._worker, queued.job_id)
        run = queue_run(self._committed, queued, **config)
        run_cleaning(self._worker, run.job_id)
        with self._committed() as session:
            assert job_of(session, run.job_id).state == JobState.DONE
            summary = session.get_one(Run, run.run_id).summary
        assert summary is not None
        return run, summary


@pytest.fixture
def runs(worker: WorkerContext, committed: Committed, tmp_path: Path) -> _Runs:
    assert isinstance(worker.storage, LocalStorage)
    return _Runs(worker, committed, tmp_path)


class TestACertifiedRun:
    def test_stores_the_certificate_and_its_chart_and_says_what_they_show(
        self, runs: _Runs, committed: Committed, storage_root: Path
    ) -> None:
        # The median of the paper's labels: what is flagged matters less here than that something is.
        run, summary = runs.clean(110, certify=True, method="crcl", learning_rate=5e-3, threshold=0.1)
        stored = stored_files(storage_root, f"runs/{run.run_id}/1/certificate")
        certificate = json.loads((storage_root / stored[0]).read_text())
        assert [Path(key).name for key in stored] == ["certificate.json", "certificate.svg"]
        assert certificate["run"]["run_id"] == str(run.run_id)
        assert certificate["run"]["config"]["certify"]
        assert certificate["is_blind"]
        assert summary["certificate"]["verdict"] == certificate["verdict"]
        assert "certify" in summary["seconds_by_phase"]
        with committed() as session:
            events = events_of(session, run.job_id)
        phases = [data["phase"] for kind, data in events if kind == "phase"]
        assert phases == ["features", "train", "report", "certify", "index"]
        assert {data["step"] for kind, data in events if kind == "certifying"} == {
            "detecting",
            "raw",
            "cleaned",
            "random",
        }

    def test_a_corpus_too_small_for_one_still_gets_its_report_and_is_told_why(
        self, runs: _Runs, storage_root: Path
    ) -> None:
        run, summary = runs.clean(24, certify=True)
        assert summary["certificate"]["refusal"]["code"] in {"too_few_images", "nothing_flagged"}
        assert stored_files(storage_root, f"runs/{run.run_id}/1/certificate") == []

    def test_without_being_asked_none_is_made(self, runs: _Runs, storage_root: Path) -> None:
        run, summary = runs.clean(24)
        assert summary["certificate"] is None
        assert stored_files(storage_root, f"runs/{run.run_id}/1/certificate") == []
