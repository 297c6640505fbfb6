"""Runs of VSE-infinity, with real stage processes: regions and words from the corpus to report and search."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.core.models import FeatureSet, Job, JobKind, JobState, Run
from app.core.settings import Settings
from app.core.storage import Storage
from crcl_core.models import ModelKind
from crcl_core.retrieval import open_index
from crcl_core.training import load_model
from tests.factories import Committed
from tests.worker.jobs import (
    TOY_CONFIG,
    QueuedImport,
    coloured_corpus,
    events_of,
    job_of,
    queue_import,
    queue_run,
    report_of,
    stored_files,
)
from tests.worker.tasks.test_run_cleaning import at_epoch, kill_trainers
from worker.context import WorkerContext
from worker.tasks.import_corpus import import_corpus
from worker.tasks.run_cleaning import run_cleaning

_N_PAIRS = 48
_VSE: dict[str, Any] = {  # Any: fields of a RunConfig
    "model": "vse_infty",
    "n_grid_regions": 4,
    "word_dim": 8,
    "min_word_count": 2,
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"min_pairs": 2})


@pytest.fixture
def corpus(worker: WorkerContext, committed: Committed, storage: Storage, tmp_path: Path) -> QueuedImport:
    """A ready corpus of 24 images and 48 pairs."""
    queued = queue_import(committed, storage, coloured_corpus(tmp_path / "corpus.zip"))
    import_corpus(worker, queued.job_id)
    return queued


class TestThroughTheService:
    def test_a_corpus_is_cleaned_and_searched_over_rest(
        self, client: TestClient, worker: WorkerContext, committed: Committed, storage: Storage, tmp_path: Path
    ) -> None:
        corpus_id = client.post("/v1/corpora", json={"name": "colours"}).json()["id"]
        archive = coloured_corpus(tmp_path / "corpus.zip").read_bytes()
        assert client.put(f"/v1/corpora/{corpus_id}/archive", content=archive).status_code == 202
        import_corpus(worker, _queued_job(committed, JobKind.IMPORT))
        answer = client.post(f"/v1/corpora/{corpus_id}/runs", json=TOY_CONFIG | _VSE)
        assert answer.status_code == 202, answer.text
        run_cleaning(worker, _queued_job(committed, JobKind.RUN))
        run = client.get(f"/v1/runs/{answer.json()['id']}").json()
        assert (run["state"], run["error"], run["config"]["model"]) == ("done", None, "vse_infty")
        items = client.get(f"/v1/runs/{run['id']}/report", params={"limit": 100}).json()["items"]
        assert [item["rank"] for item in items] == list(range(1, _N_PAIRS + 1))
        with committed() as session:
            row = session.execute(select(Run)).scalar_one()
            features = session.execute(select(FeatureSet)).scalar_one()
        assert run["summary"]["encoder_fingerprint"] == features.fingerprint
        self._check_artefacts(storage, str(row.artefact_prefix), run["summary"])
        self._check_searches(client, f"/v1/runs/{run['id']}/search", items[0])

    def _check_artefacts(self, storage: Storage, prefix: str, summary: dict[str, Any]) -> None:  # Any: JSON
        saved = load_model(storage.local_path(f"{prefix}/model.safetensors"))
        assert (saved.spec.kind, saved.spec.joint_dim, saved.spec.word_dim) == (ModelKind.VSE_INFTY, 16, 8)
        assert saved.vocabulary is not None
        assert {"red", "green", "square", "take"} <= set(saved.vocabulary.words)
        assert summary["n_words"] == len(saved.vocabulary.words)
        for name, n in (("images", 24), ("captions", _N_PAIRS)):
            index = open_index(storage.local_path(f"{prefix}/index/{name}/index.json").parent)
            assert (index.n, index.dimension) == (n, 16)

    def _check_searches(self, client: TestClient, url: str, pair: dict[str, Any]) -> None:  # Any: JSON
        by_text = client.post(url, json={"text": pair["caption"], "returns": "captions", "k": 1}).json()
        assert by_text["items"][0]["caption"] == pair["caption"]
        assert by_text["items"][0]["score"] == pytest.approx(1, abs=1e-5)
        assert len(client.post(url, json={"text": "a red square", "k": 5}).json()["items"]) == 5
        refused = client.post(url, json={"text": "zebra"})
        assert (refused.status_code, refused.json()["code"]) == (422, "no_known_word")
        by_id = client.post(url, json={"image_id": pair["image_id"], "k": 1}).json()
        assert by_id["items"][0]["image"]["image_id"] == pair["image_id"]
        data = client.get(f"/v1/images/{pair['image_id']}").content
        sent = client.post(url, content=data, headers={"Content-Type": "image/png"}, params={"k": 1}).json()
        assert sent["items"] == by_id["items"]
        assert sent["items"][0]["score"] == pytest.approx(1, abs=1e-5)


def _queued_job(committed: Committed, kind: JobKind) -> uuid.UUID:
    with committed() as session:
        return session.execute(select(Job.id).where(Job.kind == kind)).scalar_one()


class TestFeatures:
    @pytest.mark.long  # Three whole runs.
    def test_regions_are_reused_and_kept_apart_from_vectors(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport, storage: Storage, storage_root: Path
    ) -> None:
        runs = [queue_run(committed, corpus, round_epochs=[1], **config) for config in ({}, _VSE, _VSE)]
        for run in runs:
            run_cleaning(worker, run.job_id)
        with committed() as session:
            told = [
                data
                for run in runs
                for kind, data in events_of(session, run.job_id)
                if kind == "features" and "is_reused" in data
            ]
            sets = {row.fingerprint: row for row in session.execute(select(FeatureSet)).scalars()}
            reports = [report_of(session, run.run_id) for run in runs]
        assert [data["is_reused"] for data in told] == [False, False, True]
        assert told[1]["fingerprint"] == told[2]["fingerprint"]
        assert [sets[told[number]["fingerprint"]].n_regions for number in (0, 1)] == [None, 5]
        assert reports[1] == reports[2]
        shapes = {
            np.load(storage.local_path(f"{row.storage_prefix}/images.npy"), mmap_mode="r").shape
            for row in sets.values()
        }
        assert shapes == {(24, 240), (24, 5, 11)}
        assert len([key for key in stored_files(storage_root, "features/") if key.endswith("captions.npy")]) == 1


class TestFails:
    def test_an_encoder_whose_map_has_no_such_grid(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        run = queue_run(committed, corpus, **{**_VSE, "n_grid_regions": 25})
        run_cleaning(worker, run.job_id)
        with committed() as session:
            job = job_of(session, run.job_id)
            assert job.error is not None
            assert (job.state, job.error["code"]) == (JobState.FAILED, "regions_unsupported")
            assert "1, 4, 9, 16" in job.error["detail"]


@pytest.mark.long  # tests/faults kills real workers in make test-system; these look at the bits.
@pytest.mark.timeout(240)
class TestResumes:
    def test_a_killed_training_ends_in_the_bits_of_one_that_nothing_disturbed(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Epochs that are longer than the supervisor takes to hear of one, so that the training is met in its middle.
        config = {**_VSE, "round_epochs": [2, 2], "batch_size": 2}
        undisturbed, killed = queue_run(committed, corpus, **config), queue_run(committed, corpus, **config)
        run_cleaning(worker, undisturbed.job_id)
        at_epoch(monkeypatch, 2, kill_trainers)
        run_cleaning(worker, killed.job_id)
        with committed() as session:
            assert job_of(session, killed.job_id).interruptions == 1
        run_cleaning(worker, killed.job_id)
        with committed() as session:
            job = job_of(session, killed.job_id)
            assert (job.state, job.attempt) == (JobState.DONE, 2)
            assert "resumed" in [kind for kind, _ in events_of(session, killed.job_id)]
            assert "checkpoint_refused" not in [kind for kind, _ in events_of(session, killed.job_id)]
            assert report_of(session, killed.run_id) == report_of(session, undisturbed.run_id)
