"""A run that is asked for a certificate, with real stage processes."""

import json
from pathlib import Path

from app.core.models import JobState, Run
from tests.factories import Committed
from tests.worker.jobs import coloured_corpus, events_of, job_of, queue_import, queue_run, stored_files
from worker.context import WorkerContext
from worker.tasks.import_corpus import import_corpus
from worker.tasks.run_cleaning import run_cleaning


class TestACertifiedRun:
    def test_stores_the_certificate_and_its_chart_and_says_what_they_show(
        self, worker: WorkerContext, committed: Committed, storage_root: Path, tmp_path: Path
    ) -> None:
        queued = queue_import(committed, worker.storage, coloured_corpus(tmp_path / "corpus.zip", 110))
        import_corpus(worker, queued.job_id)
        run = queue_run(committed, queued, certify=True, method="crcl", learning_rate=5e-3, threshold=0.1)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            assert job_of(session, run.job_id).state == JobState.DONE
            summary = session.get_one(Run, run.run_id).summary
            events = events_of(session, run.job_id)
        assert summary is not None
        stored = stored_files(storage_root, f"runs/{run.run_id}/1/certificate")
        certificate = json.loads((storage_root / stored[0]).read_text())
        assert [Path(key).name for key in stored] == ["certificate.json", "certificate.svg"]
        assert (certificate["run"]["run_id"], certificate["is_blind"]) == (str(run.run_id), True)
        assert certificate["run"]["config"]["certify"]
        assert summary["certificate"]["verdict"] == certificate["verdict"]
        phases = [data["phase"] for kind, data in events if kind == "phase"]
        assert phases[-3:] == ["report", "certify", "index"]
        steps = {data["step"] for kind, data in events if kind == "certifying"}
        assert steps == {"detecting", "raw", "cleaned", "random"}
