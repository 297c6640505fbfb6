"""The tus protocol, case by case."""

import base64
import hashlib
import http
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from app.auth.service import KeyContext
from app.core.models import Corpus, CorpusState, Job, Upload
from app.core.settings import Settings
from app.core.storage import Storage
from tests.app.corpora.archives import tar_gz_bytes
from tests.app.uploads.tus import BODY_TYPE, VERSION, ZIP, create, created, head, metadata, offset, patch
from tests.factories import Committed, add_corpus

NO_UPLOAD = f"/v1/uploads/{uuid.UUID(int=7)}"  # of nobody
SHA256 = hashlib.sha256(ZIP).hexdigest()


def _checksum(data: bytes, algorithm: str = "sha1") -> dict[str, str]:
    digest = hashlib.new(algorithm, data).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


def _corpus(client: TestClient, name: str = "birds") -> str:
    corpus_id: str = client.post("/v1/corpora", json={"name": name}).json()["id"]
    return corpus_id


def _incoming(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "storage" / ".incoming").iterdir())


class TestOptions:
    def test_it_says_what_the_server_can(self, anonymous_client: TestClient, settings: Settings) -> None:
        answer = anonymous_client.options("/v1/uploads")
        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Max-Size"] == str(settings.max_archive_bytes)
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
        assert set(answer.headers["Tus-Extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "checksum",
            "expiration",
            "termination",
        }

    def test_of_one_upload_it_says_the_same(self, anonymous_client: TestClient) -> None:
        assert anonymous_client.options(f"/v1/uploads/{uuid.uuid4()}").headers["Tus-Version"] == "1.0.0"


class TestVersion:
    @pytest.mark.parametrize("headers", [{}, {"Tus-Resumable": "0.2.2"}, {"Tus-Resumable": "1.0"}])
    def test_another_one_is_refused(self, client: TestClient, headers: dict[str, str]) -> None:
        ours = (("POST", "/v1/uploads"), ("HEAD", NO_UPLOAD), ("PATCH", NO_UPLOAD), ("DELETE", NO_UPLOAD))
        for method, path in ours:
            answer = client.request(method, path, headers={**headers, "Upload-Length": "5"})
            assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")

    @pytest.mark.parametrize(("method", "path"), [("PATCH", "/v1/uploads"), ("POST", NO_UPLOAD)])
    def test_where_the_protocol_has_no_such_request_it_is_not_asked_for(
        self, client: TestClient, method: str, path: str
    ) -> None:
        assert client.request(method, path).status_code == 405

    def test_nothing_is_done_then(self, client: TestClient) -> None:
        path = created(client)
        client.delete(path, headers={"Tus-Resumable": "2.0.0"})
        assert head(client, path).status_code == 200

    @pytest.mark.parametrize("path", ["/v1/uploads", NO_UPLOAD])
    def test_every_answer_bears_it(self, client: TestClient, path: str) -> None:
        for method in ("GET", "OPTIONS", "HEAD", "PATCH", "POST", "DELETE"):
            assert client.request(method, path, headers=VERSION).headers["Tus-Resumable"] == "1.0.0"

    def test_other_routes_do_not(self, client: TestClient) -> None:
        assert "Tus-Resumable" not in client.get("/v1/corpora").headers


class TestCreate:
    def test_it_answers_where_the_upload_and_its_corpus_are(self, client: TestClient) -> None:
        answer = create(client, name="birds")
        assert answer.status_code == 201
        assert answer.headers["Location"].startswith("/v1/uploads/")
        corpus = client.get(answer.headers["Mispair-Corpus"]).json()
        assert (corpus["name"], corpus["state"]) == ("birds", "uploading")

    def test_it_says_when_it_expires(self, client: TestClient) -> None:
        assert create(client).headers["Upload-Expires"].endswith("GMT")

    def test_a_file_name_names_the_corpus(self, client: TestClient) -> None:
        answer = create(client, filename="birds.zip")
        assert client.get(answer.headers["Mispair-Corpus"]).json()["name"] == "birds"

    def test_an_existing_corpus_is_taken(self, client: TestClient) -> None:
        corpus_id = _corpus(client)
        assert create(client, corpus_id=corpus_id).headers["Mispair-Corpus"] == f"/v1/corpora/{corpus_id}"

    def test_another_workspaces_corpus_does_not_exist(self, client: TestClient, other_client: TestClient) -> None:
        assert create(other_client, corpus_id=_corpus(client)).status_code == 404

    def test_a_corpus_that_has_its_archive_is_refused(self, client: TestClient) -> None:
        corpus_id = _corpus(client)
        client.put(f"/v1/corpora/{corpus_id}/archive", content=ZIP)
        answer = create(client, corpus_id=corpus_id)
        assert (answer.status_code, answer.json()["code"]) == (409, "archive_exists")

    def test_without_a_length_it_is_refused(self, client: TestClient) -> None:
        headers = {**VERSION, "Upload-Metadata": metadata(name="birds")}
        assert client.post("/v1/uploads", headers=headers).status_code == 400

    def test_an_empty_archive_is_refused(self, client: TestClient) -> None:
        answer = create(client, 0)
        assert (answer.status_code, answer.json()["code"]) == (422, "empty_body")

    def test_one_over_the_limit_is_refused(self, client: TestClient, settings: Settings) -> None:
        answer = create(client, settings.max_archive_bytes + 1)
        assert (answer.status_code, answer.json()["code"]) == (413, "archive_too_large")

    @pytest.mark.parametrize(
        ("header", "code"),
        [("Upload-Defer-Length", "defer_length_unsupported"), ("Upload-Concat", "concatenation_unsupported")],
    )
    def test_what_is_not_supported_is_named(self, client: TestClient, header: str, code: str) -> None:
        answer = create(client, headers={header: "1"})
        assert (answer.status_code, answer.json()["code"]) == (400, code)

    def test_malformed_metadata_is_refused(self, client: TestClient) -> None:
        assert create(client, headers={"Upload-Metadata": "name !!!!"}).status_code == 400

    def test_without_a_name_it_says_what_is_missing(self, client: TestClient) -> None:
        answer = create(client, headers={"Upload-Metadata": "filetype YQ=="})
        assert (answer.status_code, answer.json()["code"]) == (400, "no_name")

    def test_a_refused_one_leaves_no_corpus(self, client: TestClient, settings: Settings) -> None:
        create(client, settings.max_archive_bytes + 1)
        assert client.get("/v1/corpora").json()["items"] == []

    def test_it_needs_a_key(self, anonymous_client: TestClient) -> None:
        assert create(anonymous_client).status_code == 401


class TestCreateWithUpload:
    def test_the_whole_archive_at_once_is_imported(self, client: TestClient, broker: redis.Redis) -> None:
        headers = {**VERSION, **BODY_TYPE, "Upload-Length": str(len(ZIP)), "Upload-Metadata": metadata(name="birds")}
        answer = client.post("/v1/uploads", content=ZIP, headers=headers)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(ZIP)))
        assert client.get(answer.headers["Mispair-Corpus"]).json()["state"] == "uploaded"
        assert broker.llen("cpu") == 1

    def test_a_part_of_it_is_kept(self, client: TestClient) -> None:
        headers = {**VERSION, **BODY_TYPE, "Upload-Length": str(len(ZIP)), "Upload-Metadata": metadata(name="birds")}
        answer = client.post("/v1/uploads", content=ZIP[:100], headers=headers)
        assert answer.headers["Upload-Offset"] == "100"
        assert offset(client, answer.headers["Location"]) == 100

    def test_a_body_of_another_type_is_refused(self, client: TestClient) -> None:
        headers = {**VERSION, "Upload-Length": str(len(ZIP)), "Upload-Metadata": metadata(name="birds")}
        answer = client.post("/v1/uploads", content=ZIP, headers={**headers, "Content-Type": "application/zip"})
        assert answer.status_code == 415
        assert client.get("/v1/uploads").json()["items"] == []


class TestHead:
    def test_it_says_how_far_the_upload_is(self, client: TestClient) -> None:
        path = created(client)
        patch(client, path, ZIP[:10])
        answer = head(client, path)
        assert answer.status_code == 200
        assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == ("10", str(len(ZIP)))
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Mispair-Corpus" in answer.headers

    def test_it_gives_the_metadata_back(self, client: TestClient) -> None:
        given = f"filename {base64.b64encode(b'a.zip').decode()},is_confidential"
        answer = create(client, headers={"Upload-Metadata": given})
        assert head(client, answer.headers["Location"]).headers["Upload-Metadata"] == given

    def test_an_unknown_one_does_not_exist(self, client: TestClient) -> None:
        assert head(client, f"/v1/uploads/{uuid.uuid4()}").status_code == 404

    def test_another_workspaces_reads_like_one_that_does_not_exist(
        self, client: TestClient, other_client: TestClient
    ) -> None:
        assert head(other_client, created(client)).status_code == 404


class TestGet:
    def test_it_shows_the_state(self, client: TestClient) -> None:
        path = created(client, filename="a.zip")
        patch(client, path, ZIP[:10])
        view = client.get(path).json()
        assert (view["state"], view["offset"], view["length"]) == ("receiving", 10, len(ZIP))
        assert view["metadata"] == {"filename": "a.zip"}

    def test_the_list_has_the_newest_first(self, client: TestClient, other_client: TestClient) -> None:
        paths = [created(client), created(client)]
        created(other_client)
        listed = client.get("/v1/uploads").json()["items"]
        assert [f"/v1/uploads/{view['id']}" for view in listed] == paths[::-1]

    def test_another_workspaces_does_not_exist(self, client: TestClient, other_client: TestClient) -> None:
        assert other_client.get(created(client)).status_code == 404


class TestPatch:
    def test_it_answers_the_new_offset(self, client: TestClient) -> None:
        answer = patch(client, created(client), ZIP[:10])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "10")

    def test_the_last_bytes_queue_the_import_once(
        self, client: TestClient, broker: redis.Redis, storage: Storage, committed: Committed
    ) -> None:
        path = created(client)
        patch(client, path, ZIP[:10])
        answer = patch(client, path, ZIP[10:], 10)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(len(ZIP)))
        corpus = client.get(answer.headers["Mispair-Corpus"]).json()
        assert corpus["state"] == "uploaded"
        assert corpus["archive"] == {"bytes": len(ZIP), "sha256": SHA256, "kind": "zip"}
        assert storage.read_range(f"corpora/{corpus['id']}/archive", 0, len(ZIP)) == ZIP
        assert broker.llen("cpu") == 1
        with committed() as session:
            assert session.execute(select(func.count()).select_from(Job)).scalar_one() == 1

    def test_byte_by_byte_is_the_same(self, client: TestClient) -> None:
        archive = tar_gz_bytes()
        path = created(client, len(archive))
        for at in range(0, len(archive), 40):
            answer = patch(client, path, archive[at : at + 40], at)
        corpus = client.get(answer.headers["Mispair-Corpus"]).json()
        assert corpus["archive"]["sha256"] == hashlib.sha256(archive).hexdigest()
        assert corpus["archive"]["kind"] == "tar.gz"

    def test_nothing_stays_in_the_incoming_folder(self, client: TestClient, tmp_path: Path) -> None:
        patch(client, created(client), ZIP)
        assert _incoming(tmp_path) == []

    def test_after_the_end_the_same_offset_is_a_success(self, client: TestClient) -> None:
        path = created(client)
        patch(client, path, ZIP)
        assert patch(client, path, b"", len(ZIP)).status_code == 204
        assert client.get(path).json()["state"] == "done"

    @pytest.mark.parametrize("at", [0, 10**9])
    def test_another_offset_is_refused_and_nothing_changes(self, client: TestClient, at: int) -> None:
        path = created(client)
        patch(client, path, ZIP[:10])
        answer = patch(client, path, b"x" * 5, at)
        assert (answer.status_code, answer.json()["code"]) == (409, "offset_mismatch")
        assert offset(client, path) == 10

    def test_an_offset_that_is_none_is_refused(self, client: TestClient) -> None:
        path = created(client)
        assert patch(client, path, ZIP, headers={"Upload-Offset": "-1"}).status_code == 400
        assert offset(client, path) == 0

    def test_another_type_is_refused(self, client: TestClient) -> None:
        path = created(client)
        assert patch(client, path, ZIP, headers={"Content-Type": "application/octet-stream"}).status_code == 415
        assert offset(client, path) == 0

    def test_a_declared_body_that_is_too_long_is_refused(self, client: TestClient) -> None:
        path = created(client)
        answer = patch(client, path, ZIP + b"x")
        assert (answer.status_code, answer.json()["code"]) == (413, "upload_overflow")
        assert offset(client, path) == 0

    def test_an_undeclared_one_is_cut_at_the_length(self, client: TestClient, storage: Storage) -> None:
        path = created(client)
        answer = client.patch(
            path,
            content=iter([ZIP[:50], ZIP[50:] + b"x" * 100, b"y" * 100]),
            headers={**VERSION, **BODY_TYPE, "Upload-Offset": "0"},
        )
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(len(ZIP)))
        corpus_id = answer.headers["Mispair-Corpus"].rsplit("/", 1)[1]
        assert (storage.local_path(f"corpora/{corpus_id}/archive")).read_bytes() == ZIP

    def test_what_is_no_archive_is_refused_and_gone(self, client: TestClient, tmp_path: Path) -> None:
        path = created(client, 10_000)
        answer = patch(client, path, b"image,caption\n" * 100)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_archive")
        assert head(client, path).status_code == 404
        assert _incoming(tmp_path) == []
        assert client.get("/v1/corpora").json()["items"] == []

    def test_a_short_one_that_is_no_archive_is_refused_at_its_end(self, client: TestClient) -> None:
        path = created(client, 5)
        assert patch(client, path, b"hel").status_code == 204
        assert patch(client, path, b"lo", 3).status_code == 415
        assert head(client, path).status_code == 404

    def test_an_unknown_upload_does_not_exist(self, client: TestClient) -> None:
        assert patch(client, f"/v1/uploads/{uuid.uuid4()}", ZIP).status_code == 404

    def test_another_workspaces_does_not_exist(self, client: TestClient, other_client: TestClient) -> None:
        path = created(client)
        assert patch(other_client, path, ZIP).status_code == 404
        assert offset(client, path) == 0

    def test_of_two_into_one_corpus_the_first_to_end_wins(self, client: TestClient, tmp_path: Path) -> None:
        corpus_id = _corpus(client)
        first, second = (created(client, corpus_id=corpus_id) for _ in range(2))
        assert patch(client, second, ZIP).status_code == 204
        answer = patch(client, first, ZIP)
        assert (answer.status_code, answer.json()["code"]) == (409, "archive_exists")
        assert head(client, first).status_code == 404
        assert _incoming(tmp_path) == []


class TestChecksum:
    @pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
    def test_the_right_one_is_taken(self, client: TestClient, algorithm: str) -> None:
        answer = patch(client, created(client), ZIP, headers=_checksum(ZIP, algorithm))
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(len(ZIP)))

    def test_a_wrong_one_changes_nothing(self, client: TestClient) -> None:
        path = created(client)
        patch(client, path, ZIP[:10])
        answer = patch(client, path, b"y" + ZIP[11:], 10, headers=_checksum(ZIP[10:]))
        assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
        assert offset(client, path) == 10

    def test_after_a_wrong_one_the_right_bytes_are_stored(self, client: TestClient) -> None:
        path = created(client)
        patch(client, path, b"z" * 100, headers=_checksum(b"other"))
        answer = patch(client, path, ZIP)
        assert client.get(answer.headers["Mispair-Corpus"]).json()["archive"]["sha256"] == SHA256

    def test_one_that_cannot_be_checked_is_refused(self, client: TestClient) -> None:
        path = created(client)
        assert patch(client, path, ZIP, headers={"Upload-Checksum": "md5 AAAA"}).status_code == 400
        assert offset(client, path) == 0


class TestWholeChecksum:
    def test_the_right_one_is_taken(self, client: TestClient) -> None:
        assert patch(client, created(client, name="a", sha256=SHA256.upper()), ZIP).status_code == 204

    def test_a_wrong_one_leaves_nothing(self, client: TestClient, tmp_path: Path) -> None:
        path = created(client, name="a", sha256="0" * 64)
        answer = patch(client, path, ZIP)
        assert (answer.status_code, answer.json()["code"]) == (460, "sha256_mismatch")
        assert head(client, path).status_code == 404
        assert _incoming(tmp_path) == []
        assert client.get("/v1/corpora").json()["items"] == []


class TestDelete:
    def test_it_is_gone_with_its_bytes_and_its_corpus(self, client: TestClient, tmp_path: Path) -> None:
        path = created(client)
        patch(client, path, ZIP[:10])
        assert client.delete(path, headers=VERSION).status_code == 204
        assert head(client, path).status_code == patch(client, path, ZIP).status_code == 404
        assert _incoming(tmp_path) == []
        assert client.get("/v1/corpora").json()["items"] == []

    def test_a_corpus_that_was_there_before_stays(self, client: TestClient) -> None:
        corpus_id = _corpus(client)
        client.delete(created(client, corpus_id=corpus_id), headers=VERSION)
        assert client.get(f"/v1/corpora/{corpus_id}").json()["state"] == "uploading"

    def test_the_corpus_of_a_finished_one_stays(self, client: TestClient) -> None:
        path = created(client)
        corpus = patch(client, path, ZIP).headers["Mispair-Corpus"]
        assert client.delete(path, headers=VERSION).status_code == 204
        assert client.get(corpus).json()["state"] == "uploaded"

    def test_another_workspaces_stays(self, client: TestClient, other_client: TestClient) -> None:
        path = created(client)
        assert other_client.delete(path, headers=VERSION).status_code == 404
        assert head(client, path).status_code == 200

    def test_deleting_the_corpus_takes_its_upload_and_bytes(self, client: TestClient, tmp_path: Path) -> None:
        corpus_id = _corpus(client)
        path = created(client, corpus_id=corpus_id)
        patch(client, path, ZIP[:10])
        assert client.delete(f"/v1/corpora/{corpus_id}").status_code == 204
        assert head(client, path).status_code == 404
        assert _incoming(tmp_path) == []


class TestExpiration:
    def _expire(self, committed: Committed) -> None:
        with committed() as session:
            session.execute(update(Upload).values(expires_at=func.now() - timedelta(seconds=1)))

    def test_an_expired_one_is_gone(self, client: TestClient, committed: Committed) -> None:
        path = created(client)
        self._expire(committed)
        assert head(client, path).status_code == http.HTTPStatus.GONE
        assert patch(client, path, ZIP).status_code == http.HTTPStatus.GONE
        assert client.get(path).status_code == http.HTTPStatus.GONE

    def test_news_put_it_off(self, client: TestClient, committed: Committed) -> None:
        path = created(client)
        with committed() as session:
            before = session.execute(select(Upload.expires_at)).scalar_one()
        patch(client, path, ZIP[:10])
        with committed() as session:
            assert session.execute(select(Upload.expires_at)).scalar_one() > before


class TestMethodOverride:
    def test_a_post_may_stand_for_a_patch(self, client: TestClient) -> None:
        headers = {**VERSION, **BODY_TYPE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
        answer = client.post(created(client), content=ZIP, headers=headers)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(len(ZIP)))

    def test_a_post_may_stand_for_a_delete(self, client: TestClient) -> None:
        path = created(client)
        client.post(path, headers={**VERSION, "X-HTTP-Method-Override": "DELETE"})
        assert head(client, path).status_code == 404

    def test_elsewhere_it_means_nothing(self, client: TestClient) -> None:
        corpus_id = _corpus(client)
        client.get(f"/v1/corpora/{corpus_id}", headers={"X-HTTP-Method-Override": "DELETE"})
        assert client.get(f"/v1/corpora/{corpus_id}").status_code == 200


class TestCorpusThatFinished:
    def test_its_row_names_the_archive(self, client: TestClient, context: KeyContext, committed: Committed) -> None:
        patch(client, created(client), ZIP)
        with committed() as session:
            corpus = session.execute(select(Corpus)).scalar_one()
        assert corpus.workspace_id == context.workspace_id
        assert corpus.archive_key == f"corpora/{corpus.id}/archive"


class TestAppend:
    def _begin(self, client: TestClient, corpus: Corpus) -> str:
        answer = create(client, corpus_id=str(corpus.id), append="true")
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Location"])

    @pytest.fixture
    def ready(self, committed: Committed, context: KeyContext) -> Corpus:
        with committed() as session:
            return add_corpus(session, context.workspace_id, CorpusState.READY)

    def test_a_ready_corpus_takes_another_archive(
        self, client: TestClient, ready: Corpus, committed: Committed, storage: Storage
    ) -> None:
        assert patch(client, self._begin(client, ready), ZIP).status_code == 204
        with committed() as session:
            request = session.execute(select(Job.request).where(Job.subject_id == ready.id)).scalar_one()
        assert request is not None
        assert (request["kind"], request["n_bytes"]) == ("append", len(ZIP))
        assert storage.read_range(request["archive_key"], 0, len(ZIP)) == ZIP

    def test_while_another_change_is_under_way_the_bytes_wait(
        self, client: TestClient, ready: Corpus, committed: Committed
    ) -> None:
        path = self._begin(client, ready)
        with committed() as session:
            session.get_one(Corpus, ready.id).state = CorpusState.IMPORTING
        answer = patch(client, path, ZIP)
        assert (answer.status_code, answer.json()["code"]) == (409, "corpus_not_ready")
        assert client.get(path).json()["offset"] == len(ZIP)
        with committed() as session:
            session.get_one(Corpus, ready.id).state = CorpusState.READY
        assert head(client, path).status_code == 200
        assert client.get(path).json()["state"] == "done"

    def test_a_corpus_that_waits_for_its_first_takes_none(self, client: TestClient) -> None:
        answer = create(client, corpus_id=_corpus(client), append="true")
        assert (answer.status_code, answer.json()["code"]) == (409, "corpus_not_ready")

    @pytest.mark.parametrize("append", ["true", "yes"])
    def test_which_corpus_must_be_said(self, client: TestClient, append: str) -> None:
        assert create(client, name="birds", append=append).status_code == 400

    def test_a_format_is_of_new_corpora_only(self, client: TestClient, ready: Corpus) -> None:
        assert create(client, corpus_id=str(ready.id), append="true", format="coco").status_code == 400
        assert create(client, name="birds", format="cocoa").json()["code"] == "unknown_format"


class TestCreationWithUpload:
    def test_a_body_that_is_said_to_be_longer_begins_nothing(self, client: TestClient) -> None:
        headers = {**VERSION, **BODY_TYPE, "Upload-Length": "5", "Upload-Metadata": metadata(name="birds")}
        answer = client.post("/v1/uploads", content=ZIP, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "upload_overflow")
        assert client.get("/v1/uploads").json()["items"] == []

    def test_where_the_body_is_refused_the_upload_can_be_gone_on_with(self, client: TestClient) -> None:
        headers = {
            **VERSION,
            **BODY_TYPE,
            **_checksum(b"other bytes"),
            "Upload-Length": str(len(ZIP)),
            "Upload-Metadata": metadata(name="birds"),
        }
        answer = client.post("/v1/uploads", content=ZIP, headers=headers)
        assert answer.status_code == 460
        assert client.get(answer.headers["Location"]).json()["offset"] == 0
