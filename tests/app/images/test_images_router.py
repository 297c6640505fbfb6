import hashlib
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy.orm import Session

from app.auth.service import KeyContext
from app.core.models import Image as ImageRow
from app.core.storage import Storage
from app.images import service
from tests.app.images.pictures import encoded, plain_png
from tests.app.runs.rows import StoredCorpus, store_corpus

Committed = Callable[[], AbstractContextManager[Session]]


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, [["a red thing"], ["a green thing"]])


@pytest.fixture
def image_id(stored: StoredCorpus) -> uuid.UUID:
    """An image that does not begin its shard."""
    return stored.images[1].id


def _replace_bytes(committed: Committed, storage: Storage, stored: StoredCorpus, data: bytes) -> uuid.UUID:
    """Let the first image of a corpus be another file."""
    key = f"versions/{stored.version.id}/shards/00001"
    with storage.writer(key) as shard:
        shard.write(data)
    with committed() as session:
        image = session.merge(stored.images[0])
        image.shard_key, image.shard_offset, image.n_bytes = key, 0, len(data)
        return image.id


class TestDownloadImage:
    def test_the_bytes_are_the_uploaded_ones(
        self, client: TestClient, image_id: uuid.UUID, stored: StoredCorpus
    ) -> None:
        response = client.get(f"/v1/images/{image_id}")
        assert hashlib.sha256(response.content).digest() == stored.images[1].sha256
        assert int(response.headers["content-length"]) == len(response.content)

    def test_a_browser_may_only_save_them(self, client: TestClient, image_id: uuid.UUID) -> None:
        headers = client.get(f"/v1/images/{image_id}").headers
        assert headers["content-type"] == "image/png"
        assert headers["content-disposition"].startswith('attachment; filename="1.png"')
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"]

    def test_a_copy_is_kept_privately_and_for_ever(
        self, client: TestClient, image_id: uuid.UUID, stored: StoredCorpus
    ) -> None:
        headers = client.get(f"/v1/images/{image_id}").headers
        assert headers["etag"] == f'"{stored.images[1].sha256.hex()}"'
        assert headers["cache-control"] == "private, max-age=31536000, immutable"

    @pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}'])
    def test_a_client_that_has_it_gets_no_bytes(self, client: TestClient, image_id: uuid.UUID, form: str) -> None:
        etag = client.get(f"/v1/images/{image_id}").headers["etag"]
        response = client.get(f"/v1/images/{image_id}", headers={"If-None-Match": form.format(etag)})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)

    def test_a_large_file_comes_in_pieces(
        self,
        client: TestClient,
        committed: Committed,
        storage: Storage,
        stored: StoredCorpus,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(service, "_CHUNK_BYTES", 1000)
        data = bytes(range(256)) * 11  # 2,816 bytes: two whole pieces and a part
        image_id = _replace_bytes(committed, storage, stored, data)
        assert client.get(f"/v1/images/{image_id}").content == data

    def test_missing_bytes_are_told_before_the_answer_begins(
        self, client: TestClient, storage: Storage, stored: StoredCorpus, image_id: uuid.UUID
    ) -> None:
        storage.delete_prefix(f"versions/{stored.version.id}")
        problem = client.get(f"/v1/images/{image_id}")
        assert (problem.status_code, problem.json()["code"]) == (500, "storage_error")

    @pytest.mark.parametrize("suffix", ["", "/thumbnail"])
    def test_no_image_and_another_workspaces_image_are_unknown(
        self, other_client: TestClient, image_id: uuid.UUID, suffix: str
    ) -> None:
        assert other_client.get(f"/v1/images/{image_id}{suffix}").status_code == 404
        assert other_client.get(f"/v1/images/{uuid.uuid4()}{suffix}").status_code == 404

    def test_a_key_is_needed(self, anonymous_client: TestClient, image_id: uuid.UUID) -> None:
        assert anonymous_client.get(f"/v1/images/{image_id}").status_code == 401


class TestGetThumbnail:
    def test_it_is_a_small_jpeg(self, client: TestClient, image_id: uuid.UUID) -> None:
        response = client.get(f"/v1/images/{image_id}/thumbnail")
        image = Image.open(BytesIO(response.content))
        assert (response.headers["content-type"], image.format, image.size) == ("image/jpeg", "JPEG", (256, 170))

    def test_it_is_made_anew_so_that_nothing_of_the_upload_survives(
        self, client: TestClient, committed: Committed, storage: Storage, stored: StoredCorpus
    ) -> None:
        exif = Image.Exif()
        exif[0x0112], exif[0x010E] = 6, "<script>alert(1)</script>"  # turned right, with a description
        data = encoded(Image.new("RGB", (40, 20), "blue"), "JPEG", exif=exif, comment=b"<script>") + b"<script>"
        image_id = _replace_bytes(committed, storage, stored, data)
        content = client.get(f"/v1/images/{image_id}/thumbnail").content
        image = Image.open(BytesIO(content))
        assert b"script" not in content
        assert (image.size, dict(image.getexif())) == ((20, 40), {})

    def test_it_is_made_of_the_normal_form_where_there_is_one(
        self, client: TestClient, committed: Committed, storage: Storage, stored: StoredCorpus
    ) -> None:
        original, normal = b"what no API process should decode", plain_png(colour="blue")
        image_id = _replace_bytes(committed, storage, stored, original + normal)
        with committed() as session:
            image = session.get_one(ImageRow, image_id)
            image.n_bytes, image.normal_bytes = len(original), len(normal)
        jpeg = client.get(f"/v1/images/{image_id}/thumbnail").content
        (colour,) = Image.open(BytesIO(jpeg)).convert("RGB").resize((1, 1)).get_flattened_data()
        assert colour == pytest.approx((0, 0, 255), abs=5)
        assert client.get(f"/v1/images/{image_id}").content == original

    def test_a_client_that_has_it_gets_no_bytes(self, client: TestClient, image_id: uuid.UUID) -> None:
        etag = client.get(f"/v1/images/{image_id}/thumbnail").headers["etag"]
        response = client.get(f"/v1/images/{image_id}/thumbnail", headers={"If-None-Match": etag})
        assert (response.status_code, response.content) == (304, b"")

    def test_its_etag_is_not_the_originals(self, client: TestClient, image_id: uuid.UUID) -> None:
        etags = {client.get(f"/v1/images/{image_id}{suffix}").headers["etag"] for suffix in ("", "/thumbnail")}
        assert len(etags) == 2
