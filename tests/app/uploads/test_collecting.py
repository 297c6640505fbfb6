from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import delete, func, select, update

from app.core.models import Corpus, Upload
from app.core.settings import Settings
from app.core.storage import Storage
from app.resources import resources_of
from app.uploads.collecting import UploadCollector
from tests.app.uploads.tus import ZIP, created, patch
from tests.factories import Committed


@pytest.fixture
def collector(client: TestClient, app: FastAPI) -> UploadCollector:
    assert client.app is not None  # it runs
    return UploadCollector(resources_of(app))


def _age(committed: Committed, seconds: float) -> None:
    with committed() as session:
        session.execute(
            update(Upload).values(expires_at=Upload.expires_at - func.make_interval(0, 0, 0, 0, 0, 0, seconds))
        )


def _count(committed: Committed, table: type[Upload | Corpus]) -> int:
    with committed() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def _incoming(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "storage" / ".incoming").iterdir())


class TestCollect:
    def test_of_abandoned_uploads_nothing_stays(
        self, client: TestClient, collector: UploadCollector, committed: Committed, tmp_path: Path, settings: Settings
    ) -> None:
        for _ in range(5):
            patch(client, created(client), ZIP[:10])
        assert len(_incoming(tmp_path)) == 5
        _age(committed, settings.upload_expiry_s + 1)
        collector.collect()
        assert (_incoming(tmp_path), _count(committed, Upload), _count(committed, Corpus)) == ([], 0, 0)

    def test_what_has_not_expired_stays(
        self, client: TestClient, collector: UploadCollector, committed: Committed, tmp_path: Path
    ) -> None:
        patch(client, created(client), ZIP[:10])
        collector.collect()
        assert (len(_incoming(tmp_path)), _count(committed, Upload)) == (1, 1)

    def test_of_a_finished_one_only_the_row_goes(
        self, client: TestClient, collector: UploadCollector, committed: Committed, settings: Settings, storage: Storage
    ) -> None:
        corpus = patch(client, created(client), ZIP).headers["Mispair-Corpus"]
        _age(committed, settings.upload_expiry_s + 1)
        collector.collect()
        assert _count(committed, Upload) == 0
        assert storage.exists(f"{corpus.removeprefix('/v1/')}/archive")

    def test_one_whose_process_died_at_the_last_byte_is_finished(
        self, client: TestClient, collector: UploadCollector, committed: Committed, storage: Storage
    ) -> None:
        path = created(client)
        with committed() as session:
            upload = session.execute(select(Upload)).scalar_one()
            storage.incoming().write(upload.id, 0, ZIP)
            upload.n_stored = len(ZIP)
        collector.collect()
        assert client.get(path).json()["state"] == "receiving"  # perhaps its request is just finishing it
        _age(committed, 61)
        collector.collect()
        assert client.get(path).json()["state"] == "done"

    def test_one_whose_bytes_have_moved_already_is_finished(
        self, client: TestClient, collector: UploadCollector, committed: Committed, storage: Storage
    ) -> None:
        path = created(client)
        with committed() as session:
            upload = session.execute(select(Upload)).scalar_one()
            storage.incoming().write(upload.id, 0, ZIP)
            storage.incoming().publish(upload.id, len(ZIP), f"corpora/{upload.corpus_id}/archive")
            upload.n_stored, upload.sha256, upload.archive_kind = len(ZIP), b"0" * 32, "zip"
        _age(committed, 61)
        collector.collect()
        assert client.get(path).json()["state"] == "done"

    def test_bytes_without_a_row_are_removed_once_they_are_old(
        self, client: TestClient, settings: Settings, collector: UploadCollector, committed: Committed, tmp_path: Path
    ) -> None:
        patch(client, created(client), ZIP[:10])
        with committed() as session:
            session.execute(delete(Upload))
        collector.remove_leftovers()
        assert len(_incoming(tmp_path)) == 1
        collector._lifetime_s = -settings.upload_expiry_s
        collector.remove_leftovers()
        assert _incoming(tmp_path) == []


@pytest.mark.long
class TestAThousand:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_workspace_uploads": 1000})

    @pytest.mark.timeout(600)
    def test_abandoned_ones_leave_no_byte_and_no_row(
        self, client: TestClient, collector: UploadCollector, committed: Committed, tmp_path: Path, settings: Settings
    ) -> None:
        for _ in range(1000):
            patch(client, created(client), ZIP[:10])
        _age(committed, settings.upload_expiry_s + 1)
        while _count(committed, Upload):
            collector.collect()
        assert (_incoming(tmp_path), _count(committed, Corpus)) == ([], 0)
