"""The checks beside mismatch as a part of runs."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Never

import pytest
from PIL import Image, ImageEnhance, ImageFilter
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from app.core.errors import JobFailedError
from app.core.models import CaptionCheck, CorpusChecks, ImageCheck
from app.core.models import Image as StoredImage
from app.core.storage import Storage
from tests.crcl_core.checks.test_image_quality import textured
from tests.factories import Committed
from tests.worker.archives import zip_file
from tests.worker.jobs import QueuedImport, counts_of, events_of, queue_import, queue_run
from worker import trainer
from worker.context import WorkerContext
from worker.pipeline import checks as checking
from worker.pipeline import cleaning, workspace
from worker.supervisor import Message
from worker.tasks.import_corpus import import_corpus
from worker.tasks.run_cleaning import run_cleaning
from worker.trainer import Spec, Tell

GERMAN = (
    "Ein Hund rennt über die grüne Wiese",
    "Zwei Kinder spielen am Strand mit einem Ball",
    "Eine Frau in einem roten Kleid geht die Straße entlang",
    "Der alte Mann sitzt auf einer Bank im Park",
)
ENGLISH = (
    "A dog runs over the green field",
    "Two children play on the beach with a ball",
    "A woman in a red dress walks down the street",
    "The old man sits on a bench in the park",
)


def picture_corpus(path: Path, sentences: Sequence[str]) -> Path:
    """A zip of twelve sound pictures and six faulty ones; the eleventh is there a second time under another path."""
    pictures = {f"{number}.png": textured(seed=number) for number in range(12)}
    pictures |= {
        "black.png": Image.new("RGB", (160, 160)),
        "blurred.png": textured(seed=50).filter(ImageFilter.GaussianBlur(3)),
        "long.png": textured(1000, 100, seed=51),
        "small.png": textured(8, 8, seed=52),
        "dim.png": ImageEnhance.Brightness(textured(seed=53)).enhance(0.1),
        "again.png": textured(seed=0).resize((120, 96)),
        "copy.png": pictures["11.png"],
    }
    rows = [f"{name},{sentences[number % len(sentences)]} near {name[:-4]}\n" for number, name in enumerate(pictures)]
    rows += [
        "0.png,Une femme en robe rouge marche dans la rue\n",
        "1.png,IMG_0001.JPG\n",
        "2.png,a cat\n",
        "3.png,a cat\n",
    ]
    files = {name: _png(picture) for name, picture in pictures.items()}
    return zip_file(path, {**files, "captions.csv": ("image,caption\n" + "".join(rows)).encode()})


def _png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def flagged_paths(session: Session, issue: str, threshold: float) -> set[str]:
    statement = (
        select(StoredImage.source_path)
        .join(ImageCheck, ImageCheck.image_id == StoredImage.id)
        .where(getattr(ImageCheck, issue) < threshold)
    )
    return set(session.execute(statement).scalars())


def checks_events(session: Session, job_id: Any) -> list[dict[str, Any]]:  # Any: an id; JSON
    return [data for kind, data in events_of(session, job_id) if kind == "checks"]


@pytest.fixture
def corpus(worker: WorkerContext, committed: Committed, storage: Storage, tmp_path: Path) -> QueuedImport:
    queued = queue_import(committed, storage, picture_corpus(tmp_path / "corpus.zip", ENGLISH))
    import_corpus(worker, queued.job_id)
    return queued


@pytest.fixture
def stages_in_process(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that end after their checks, with stages in this process; which stages they ran."""
    ran: list[str] = []

    def run_here(stage: str, spec: Spec, _folder: Path, *, on_message: Tell, **_: object) -> Message:
        ran.append(stage)
        return trainer._stage(stage)(spec, on_message)

    def end(*_: object) -> Never:
        raise JobFailedError("the test has seen enough", code="seen_enough")

    monkeypatch.setattr(workspace, "run_stage", run_here)
    monkeypatch.setattr(cleaning, "train_run", end)
    return ran


class TestEnsureChecks:
    @pytest.mark.usefixtures("stages_in_process")
    def test_the_first_run_stores_what_is_wrong(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        run = queue_run(committed, corpus)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            assert checks_events(session, run.job_id) == [{"warnings": []}]
            summary = session.execute(select(CorpusChecks.summary)).scalar_one()
            cuts = {row["issue"]: row["threshold"] for row in summary["images"]}
            found = {issue: flagged_paths(session, issue, cut) for issue, cut in cuts.items()}
            captions = list(session.execute(select(CaptionCheck)).scalars())
        assert found == {
            "dark": {"black.png", "dim.png"},
            "blurry": {"blurred.png"},
            "blank": {"black.png"},
            "odd_aspect": {"long.png"},
            "tiny": {"small.png"},
            "duplicate": {"11.png"},
            "near_duplicate": {"0.png", "again.png"},
        }
        assert {row["issue"]: row["n_flagged"] for row in summary["images"]} == {
            issue: len(paths) for issue, paths in found.items()
        }
        assert (summary["n_images"], summary["n_captions"], summary["n_image_sets"]) == (18, 22, 1)
        assert (summary["main_language"], summary["warnings"]) == ("en", [])
        assert [row["n_flagged"] for row in summary["captions"]][:5] == [0, 0, 1, 1, 1]
        assert [row.language for row in captions].count("fr") == 1

    def test_a_second_run_checks_nothing_and_loses_nothing(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport, stages_in_process: list[str]
    ) -> None:
        runs = [queue_run(committed, corpus) for _ in range(2)]
        for run in runs:
            run_cleaning(worker, run.job_id)
        with committed() as session:
            assert checks_events(session, runs[1].job_id) == []
            assert stages_in_process == ["features", "checks", "features"]
            assert counts_of(session, {"corpus_checks": "true", "image_checks": "true", "caption_checks": "true"}) == {
                "corpus_checks": 1,
                "image_checks": 18,
                "caption_checks": 22,
            }

    @pytest.mark.usefixtures("stages_in_process")
    def test_images_whose_features_are_older_than_the_checks_are_decoded_for_them(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport
    ) -> None:
        scores: list[list[tuple[float, ...]]] = []
        for _ in range(2):
            run = queue_run(committed, corpus)
            run_cleaning(worker, run.job_id)
            with committed() as session:
                rows = session.execute(text("SELECT dark, blurry, near_duplicate FROM image_checks ORDER BY image_id"))
                scores.append([tuple(row) for row in rows])
                for table in (ImageCheck, CaptionCheck, CorpusChecks):
                    session.execute(delete(table))
        assert len(scores[0]) == 18
        assert scores[1] == scores[0]

    @pytest.mark.usefixtures("stages_in_process")
    def test_of_two_runs_at_once_one_stores(
        self, worker: WorkerContext, committed: Committed, corpus: QueuedImport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_cleaning(worker, queue_run(committed, corpus).job_id)
        # As if the other run had stored its checks after this one had looked.
        monkeypatch.setattr(checking, "has_checks", lambda *_: False)
        run_cleaning(worker, queue_run(committed, corpus).job_id)
        with committed() as session:
            assert counts_of(session, {"image_checks": "true"}) == {"image_checks": 18}

    @pytest.mark.usefixtures("stages_in_process")
    def test_a_german_corpus_is_warned_of(
        self, worker: WorkerContext, committed: Committed, storage: Storage, tmp_path: Path
    ) -> None:
        queued = queue_import(committed, storage, picture_corpus(tmp_path / "corpus.zip", GERMAN))
        import_corpus(worker, queued.job_id)
        run = queue_run(committed, queued)
        run_cleaning(worker, run.job_id)
        with committed() as session:
            summary = session.execute(select(CorpusChecks.summary)).scalar_one()
            assert checks_events(session, run.job_id) == [{"warnings": ["corpus_not_english"]}]
        assert summary["main_language"] == "de"
        assert "offline, reads English only" in summary["warnings"][0]["detail"]
