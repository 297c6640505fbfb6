"""Imports as jobs, against the real database."""

import io
import tarfile
import time
import uuid
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import redis
from sqlalchemy import delete, text

from app.core.models import Corpus, CorpusState, JobState
from app.core.repositories.jobs import claim_job, request_cancel
from app.core.storage import Storage
from app.corpora.preflight_schemas import PreflightView
from tests.factories import Committed
from tests.worker.archives import image_bytes, small_corpus, tar_file, tar_header, zip_file
from tests.worker.jobs import (
    QueuedImport,
    corpus_of,
    counts_of,
    events_of,
    job_of,
    kinds_of,
    queue_import,
    stored_files,
)
from worker.context import WorkerContext
from worker.sandbox.image_sandbox import ImageSandbox
from worker.sandbox.normalising import NormalisedImage
from worker.stopping import stop_flag
from worker.tasks.import_corpus import import_corpus


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def nothing_is_kept(committed: Committed, storage_root: Path) -> bool:
    """Whether neither the database nor the storage holds anything of any corpus."""
    tables = dict.fromkeys(("corpus_versions", "images", "pairs", "rejections"), "true")
    with committed() as session:
        counts = counts_of(session, tables)
    return not any(counts.values()) and not stored_files(storage_root)


class TestWorks:
    def test_a_sound_archive_becomes_a_ready_corpus(
        self, worker: WorkerContext, committed: Committed, storage: Storage
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        import_corpus(worker, queued.job_id)
        with committed() as session:
            job, corpus = job_of(session, queued.job_id), corpus_of(session, queued)
            assert (job.state, job.progress, corpus.state) == (JobState.DONE, 1.0, CorpusState.READY)
            assert kinds_of(session, queued.job_id) == ["queued", "claimed", "imported", "done"]
            version = session.execute(text("SELECT * FROM corpus_versions")).mappings().one()
            assert {name: version[name] for name in ("number", "n_read", "n_accepted", "n_rejected", "n_images")} == {
                "number": 1,
                "n_read": 4,
                "n_accepted": 4,
                "n_rejected": 0,
                "n_images": 3,
            }
            assert (version["image_column"], version["caption_column"]) == ("image", "caption")

    def test_the_preflight_is_stored_as_the_api_shows_it(
        self, worker: WorkerContext, committed: Committed, storage: Storage
    ) -> None:
        rows = b"image,caption\na.png,red\ngone.png,x\n"
        queued = queue_import(committed, storage, zipped(small_corpus() | {"captions.csv": rows}))
        import_corpus(worker, queued.job_id)
        with committed() as session:
            version = session.execute(text("SELECT format, preflight FROM corpus_versions")).mappings().one()
            assert version["format"] == "table"
            told = PreflightView.model_validate(version["preflight"])
            assert (told.n_rows, told.n_joined, told.needs_confirmation) == (2, 1, True)
            assert told.model_dump(mode="json") == version["preflight"]

    def test_the_format_that_was_asked_for_is_taken(
        self, worker: WorkerContext, committed: Committed, storage: Storage
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus() | {"a.txt": b"beside it"}))
        with committed() as session:
            corpus_of(session, queued).wanted_format = "sidecar"
        import_corpus(worker, queued.job_id)
        with committed() as session:
            assert list(session.execute(text("SELECT caption FROM pairs")).scalars()) == ["beside it"]

    def test_rows_are_written_as_they_were_read(
        self, worker: WorkerContext, committed: Committed, storage: Storage
    ) -> None:
        rows = b"id,image,caption,split\n7,a.png,a \xe2\x9c\x93 caption,train\n,b.png,,dev\n"
        queued = queue_import(committed, storage, zipped(small_corpus() | {"captions.csv": rows}))
        import_corpus(worker, queued.job_id)
        with committed() as session:
            pair = session.execute(text("SELECT * FROM pairs")).mappings().one()
            assert (pair["pair_key"], pair["source_id"], pair["source_path"]) == ("7", "7", "a.png")
            assert (pair["caption"], pair["row_number"], pair["extra"]) == ("a ✓ caption", 1, {"split": "train"})
            rejections = session.execute(text("SELECT row_number, source_path, code FROM rejections ORDER BY id"))
            assert [tuple(row) for row in rejections] == [
                (2, "b.png", "empty_caption"),
                (None, "c.png", "no_caption_for_image"),
            ]
            image = session.execute(text("SELECT * FROM images")).mappings().one()
            data = storage.read_range(image["shard_key"], image["shard_offset"], image["n_bytes"])
            assert data == small_corpus()["a.png"]

    def test_no_working_folder_stays(self, worker: WorkerContext, committed: Committed, storage: Storage) -> None:
        import_corpus(worker, queue_import(committed, storage, zipped(small_corpus())).job_id)
        assert not list(worker.work_root.iterdir())


class TestTwice:
    def test_a_second_message_changes_nothing(
        self, worker: WorkerContext, committed: Committed, storage: Storage
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        for _ in range(3):
            import_corpus(worker, queued.job_id)
        with committed() as session:
            assert counts_of(session, {"corpus_versions": "true", "pairs": "true"}) == {
                "corpus_versions": 1,
                "pairs": 4,
            }
            assert job_of(session, queued.job_id).attempt == 1

    def test_a_job_that_another_holds_is_left_alone(
        self, worker: WorkerContext, committed: Committed, storage: Storage
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        with committed() as session:
            assert claim_job(session, queued.job_id, lease_s=60, worker="other")
        import_corpus(worker, queued.job_id)
        with committed() as session:
            assert job_of(session, queued.job_id).worker == "other"
            assert corpus_of(session, queued).state == CorpusState.UPLOADED


class TestGone:
    def test_a_job_that_does_not_exist(self, worker: WorkerContext) -> None:
        import_corpus(worker, uuid.uuid4())

    def test_a_corpus_that_does_not_exist_any_more(
        self, worker: WorkerContext, committed: Committed, storage: Storage
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        with committed() as session:
            session.execute(delete(Corpus).where(Corpus.id == queued.corpus_id))
        import_corpus(worker, queued.job_id)
        with committed() as session:
            job = job_of(session, queued.job_id)
            assert job.state == JobState.FAILED
            assert job.error is not None
            assert job.error["code"] == "corpus_gone"


def truncated_zip() -> bytes:
    return zipped(small_corpus())[:-30]


def zip_with_dots() -> bytes:
    return zipped(small_corpus() | {"../evil.png": b"x"})


def tar_with_link(tmp_path: Path) -> bytes:
    path = tar_file(tmp_path / "a.tar", small_corpus())
    with tarfile.open(path, "a") as archive:
        archive.addfile(tar_header("link.png", kind=tarfile.SYMTYPE, target="/etc/passwd"))
    return path.read_bytes()


class TestRefused:
    @pytest.mark.parametrize(
        ("case", "code"),
        [
            ("truncated", "truncated_archive"),
            ("dots", "unsafe_path"),
            ("link", "link_member"),
            ("no_caption_column", "no_caption_column"),
            ("text", "unreadable_archive"),
        ],
    )
    def test_the_corpus_fails_and_nothing_is_kept(
        self,
        case: str,
        code: str,
        worker: WorkerContext,
        committed: Committed,
        storage: Storage,
        storage_root: Path,
        tmp_path: Path,
    ) -> None:
        archives: dict[str, Callable[[], bytes]] = {
            "truncated": truncated_zip,
            "dots": zip_with_dots,
            "link": lambda: tar_with_link(tmp_path),
            "no_caption_column": lambda: zipped(small_corpus() | {"captions.csv": b"image,label\na.png,1\n"}),
            "text": lambda: b"this is a text, not an archive",
        }
        queued = queue_import(committed, storage, archives[case]())
        import_corpus(worker, queued.job_id)
        with committed() as session:
            job, corpus = job_of(session, queued.job_id), corpus_of(session, queued)
            assert (job.state, corpus.state) == (JobState.FAILED, CorpusState.FAILED)
            assert corpus.error is not None
            assert corpus.error == job.error
            assert corpus.error["code"] == code
            assert len(corpus.error["detail"]) > 20
            assert events_of(session, queued.job_id)[-1] == ("failed", corpus.error)
        assert nothing_is_kept(committed, storage_root)

    def test_an_unexpected_error_midway_deletes_what_was_stored_and_says_why(
        self,
        worker: WorkerContext,
        committed: Committed,
        storage: Storage,
        storage_root: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        real = ImageSandbox.normalise

        def normalised(sandbox: ImageSandbox, data: bytes) -> NormalisedImage:
            if data == small_corpus()["c.png"]:
                raise RuntimeError("a fault of ours")
            return real(sandbox, data)

        monkeypatch.setattr(ImageSandbox, "normalise", normalised)
        import_corpus(worker, queued.job_id)
        assert not stored_files(storage_root, "versions/")
        with committed() as session:
            assert job_of(session, queued.job_id).state == JobState.RUNNING  # until its lease runs out
            last = events_of(session, queued.job_id)[-1]
            assert last == ("interrupted", {"detail": "RuntimeError: a fault of ours"})


class TestStopped:
    def test_cancelled_midway(
        self,
        worker: WorkerContext,
        committed: Committed,
        storage: Storage,
        storage_root: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        self._at_first_image(monkeypatch, lambda: self._cancel_and_wait(committed, queued))
        import_corpus(worker, queued.job_id)
        with committed() as session:
            assert job_of(session, queued.job_id).state == JobState.CANCELLED
            corpus = corpus_of(session, queued)
            assert corpus.state == CorpusState.FAILED
            assert corpus.error is not None
            assert corpus.error["code"] == "cancelled"
        assert nothing_is_kept(committed, storage_root)

    def test_the_lease_lost_midway_writes_nothing(
        self,
        worker: WorkerContext,
        committed: Committed,
        storage: Storage,
        storage_root: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))

        def take_over() -> None:
            # In one transaction: a heartbeat between the two would renew the lease.
            with committed() as session:
                session.execute(text("UPDATE jobs SET lease_until = now() - interval '1 second'"))
                assert claim_job(session, queued.job_id, lease_s=60, worker="other")

        self._at_first_image(monkeypatch, take_over)
        import_corpus(worker, queued.job_id)
        with committed() as session:
            job = job_of(session, queued.job_id)
            assert (job.state, job.worker, job.fence) == (JobState.RUNNING, "other", 2)
            assert corpus_of(session, queued).state == CorpusState.IMPORTING
            assert counts_of(session, {"corpus_versions": "true", "pairs": "true"}) == {
                "corpus_versions": 0,
                "pairs": 0,
            }
        # The archive is the new holder's; the shards of this attempt are gone.
        assert stored_files(storage_root) == [f"corpora/{queued.corpus_id}/archive"]

    def test_a_worker_that_stops_gives_the_job_back(
        self,
        worker: WorkerContext,
        committed: Committed,
        storage: Storage,
        storage_root: Path,
        broker: redis.Redis,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        self._at_first_image(monkeypatch, stop_flag.set)
        import_corpus(worker, queued.job_id)
        with committed() as session:
            job = job_of(session, queued.job_id)
            assert (job.state, job.interruptions) == (JobState.QUEUED, 0)
        assert broker.llen("cpu") == 1
        assert not stored_files(storage_root, "versions/")
        stop_flag.clear()
        import_corpus(worker, queued.job_id)
        with committed() as session:
            assert corpus_of(session, queued).state == CorpusState.READY

    def _cancel_and_wait(self, committed: Committed, queued: QueuedImport) -> None:
        with committed() as session:
            request_cancel(session, queued.job_id)
        seen: set[datetime | None] = set()
        give_up_at = time.monotonic() + 5
        while len(seen) < 3:  # two heartbeats after the one that may have been under way
            assert time.monotonic() < give_up_at
            with committed() as session:
                seen.add(job_of(session, queued.job_id).lease_until)
            time.sleep(0.01)

    def _at_first_image(self, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
        """Do something when the first image is being checked."""
        real = ImageSandbox.normalise
        is_first = iter([True])

        def normalised(sandbox: ImageSandbox, data: bytes) -> NormalisedImage:
            if next(is_first, False):
                act()
            return real(sandbox, data)

        monkeypatch.setattr(ImageSandbox, "normalise", normalised)


class TestAfterACrash:
    def test_what_a_killed_attempt_left_is_deleted(
        self, worker: WorkerContext, committed: Committed, storage: Storage, storage_root: Path
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        leftover = uuid.uuid4()
        with storage.writer(f"versions/{leftover}/shards/00000") as file:
            file.write(b"half")
        with committed() as session:
            assert claim_job(session, queued.job_id, lease_s=60, worker="killed")
            session.execute(
                text(
                    "UPDATE jobs SET lease_until = now() - interval '1 second',"
                    " metrics = jsonb_build_object('version_id', CAST(:id AS text))"
                ),
                {"id": str(leftover)},
            )
        import_corpus(worker, queued.job_id)
        with committed() as session:
            job = job_of(session, queued.job_id)
            assert (job.state, job.attempt, job.interruptions) == (JobState.DONE, 2, 1)
        assert not stored_files(storage_root, f"versions/{leftover}")

    def test_an_archive_that_kills_its_worker_fails_in_the_end(
        self, worker: WorkerContext, committed: Committed, storage: Storage, storage_root: Path
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        with committed() as session:
            session.execute(text("UPDATE jobs SET interruptions = :n"), {"n": worker.settings.max_interruptions})
        import_corpus(worker, queued.job_id)
        with committed() as session:
            corpus = corpus_of(session, queued)
            assert corpus.error is not None
            assert corpus.error["code"] == "interrupted"
        assert nothing_is_kept(committed, storage_root)

    def test_a_missing_archive_is_tried_again_later(
        self, worker: WorkerContext, committed: Committed, storage: Storage
    ) -> None:
        queued = queue_import(committed, storage, zipped(small_corpus()))
        storage.delete_prefix(f"corpora/{queued.corpus_id}")
        import_corpus(worker, queued.job_id)
        with committed() as session:
            assert job_of(session, queued.job_id).state == JobState.RUNNING  # until its lease runs out
            kind, data = events_of(session, queued.job_id)[-1]
            assert kind == "interrupted"
            assert "missing" in data["detail"]


def test_all_kinds_of_bad_rows_in_one_archive_add_up(
    worker: WorkerContext, committed: Committed, storage: Storage, tmp_path: Path
) -> None:
    files = small_corpus() | {
        "captions.csv": b"image,caption\na.png,fine\nb.png,\xff\nmissing.png,x\nbad.png,y\na.png\nbig.png,z\n",
        "bad.png": b"no image",
        "big.png": image_bytes(side_px=40),
    }
    limited = WorkerContext(worker.settings.model_copy(update={"max_image_pixels": 1000}))
    queued = queue_import(committed, storage, zip_file(tmp_path / "a.zip", files))
    import_corpus(limited, queued.job_id)
    limited.engine.dispose()
    with committed() as session:
        rows = session.execute(text("SELECT code, count(*) FROM rejections GROUP BY code"))
        assert {row[0]: row[1] for row in rows} == {
            "not_utf8": 1,
            "missing_image": 1,
            "not_an_image": 1,
            "malformed_row": 1,
            "image_too_large": 1,
            "no_caption_for_image": 1,
        }
        version = session.execute(text("SELECT n_read, n_accepted, n_rejected FROM corpus_versions")).one()
        assert tuple(version) == (7, 1, 6)


def test_pairs_beyond_the_workspaces_quota_fail_the_import_with_what_is_left(
    worker: WorkerContext, committed: Committed, storage: Storage
) -> None:
    queued = queue_import(committed, storage, zipped(small_corpus()))
    limited = WorkerContext(worker.settings.model_copy(update={"max_workspace_pairs": 3}))
    import_corpus(limited, queued.job_id)
    limited.engine.dispose()
    with committed() as session:
        error = corpus_of(session, queued).error
        assert error is not None
        assert error["code"] == "pair_quota"
        assert "has 4 pairs, and the workspace has 3 of its 3 pairs left" in error["detail"]
