import base64
import hashlib
import json
import uuid

import pytest
import redis
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.auth.service import KeyContext
from app.core.models import Corpus, CorpusState, Job, Rejection
from app.core.settings import Settings
from app.core.storage import Storage
from tests.app.corpora.archives import tar_bytes, tar_gz_bytes, zip_bytes
from tests.app.corpora.preflights import preflight
from tests.factories import Committed, add_corpus, add_version

ZIP = zip_bytes()


def _create(client: TestClient, name: str = "birds") -> str:
    corpus_id: str = client.post("/v1/corpora", json={"name": name}).json()["id"]
    return corpus_id


def _add_corpus(committed: Committed, context: KeyContext, state: CorpusState = CorpusState.READY) -> Corpus:
    with committed() as session:
        return add_corpus(session, context.workspace_id, state)


class TestCreateCorpus:
    def test_it_waits_for_its_archive(self, client: TestClient) -> None:
        answer = client.post("/v1/corpora", json={"name": "birds"})
        corpus = answer.json()
        assert answer.status_code == 201
        assert (corpus["name"], corpus["state"]) == ("birds", "uploading")
        assert corpus["error"] is corpus["archive"] is corpus["version"] is corpus["job"] is None

    def test_space_around_its_name_is_dropped(self, client: TestClient) -> None:
        assert client.post("/v1/corpora", json={"name": "  birds "}).json()["name"] == "birds"

    def test_its_format_may_be_named(self, client: TestClient) -> None:
        corpus = client.post("/v1/corpora", json={"name": "birds", "format": "coco"}).json()
        assert corpus["format"] == {"name": "coco", "is_forced": True, "why": None, "runners_up": []}

    def test_a_format_that_is_not_known_is_refused(self, client: TestClient) -> None:
        answer = client.post("/v1/corpora", json={"name": "birds", "format": "cocoa"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["body", "format"]

    def test_its_times_are_utc(self, client: TestClient) -> None:
        corpus = client.post("/v1/corpora", json={"name": "birds"}).json()
        assert corpus["created_at"].endswith("Z")
        assert corpus["updated_at"].endswith("Z")

    def test_two_may_bear_the_same_name(self, client: TestClient) -> None:
        assert _create(client) != _create(client)

    @pytest.mark.parametrize(
        "body", [{}, {"name": ""}, {"name": " "}, {"name": "a" * 201}, {"name": 1}, {"name": None}, [], "a"]
    )
    def test_a_malformed_payload_is_refused(self, client: TestClient, body: object) -> None:
        assert client.post("/v1/corpora", json=body).status_code == 422

    @pytest.mark.parametrize("field", ["workspace_id", "state", "id"])
    def test_a_client_cannot_set_what_is_ours(self, client: TestClient, field: str) -> None:
        answer = client.post("/v1/corpora", json={"name": "a", field: "x"})
        assert answer.json()["errors"][0]["code"] == "extra_forbidden"


class TestListCorpora:
    def test_the_newest_comes_first(self, client: TestClient) -> None:
        for name in ("one", "two"):
            _create(client, name)
        assert [corpus["name"] for corpus in client.get("/v1/corpora").json()["items"]] == ["two", "one"]

    def test_another_workspaces_are_not_listed(self, client: TestClient, other_client: TestClient) -> None:
        _create(client)
        assert other_client.get("/v1/corpora").json() == {"items": [], "next_cursor": None}

    def test_pages_join_to_the_whole_list(self, client: TestClient) -> None:
        for name in "abc":
            _create(client, name)
        first = client.get("/v1/corpora", params={"limit": 2}).json()
        second = client.get("/v1/corpora", params={"limit": 2, "cursor": first["next_cursor"]}).json()
        assert [corpus["name"] for corpus in first["items"] + second["items"]] == ["c", "b", "a"]
        assert second["next_cursor"] is None

    def test_a_corpus_that_comes_meanwhile_shifts_nothing(self, client: TestClient) -> None:
        for name in "abc":
            _create(client, name)
        first = client.get("/v1/corpora", params={"limit": 1}).json()
        _create(client, "d")
        second = client.get("/v1/corpora", params={"limit": 1, "cursor": first["next_cursor"]}).json()
        assert second["items"][0]["name"] == "b"

    def test_a_cursor_of_another_list_is_refused(self, client: TestClient) -> None:
        answer = client.get("/v1/corpora", params={"cursor": "NQ=="})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


class TestGetCorpus:
    def test_it_shows_the_newest_version_and_its_counts(
        self, client: TestClient, context: KeyContext, committed: Committed
    ) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            add_version(session, corpus, number=1)
            add_version(session, corpus, number=2, n_accepted=3, n_rejected=1)
        version = client.get(f"/v1/corpora/{corpus.id}").json()["version"]
        assert (version["number"], version["n_read"], version["n_accepted"], version["n_rejected"]) == (2, 4, 3, 1)

    def test_it_shows_why_an_import_failed(self, client: TestClient, context: KeyContext, committed: Committed) -> None:
        error = {"code": "truncated_archive", "detail": "the archive ends early"}
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.FAILED, error=error)
        assert client.get(f"/v1/corpora/{corpus.id}").json()["error"] == error

    def test_another_workspaces_reads_like_one_that_does_not_exist(
        self, client: TestClient, other_client: TestClient
    ) -> None:
        corpus_id = _create(client)
        foreign = other_client.get(f"/v1/corpora/{corpus_id}").json()
        missing = client.get(f"/v1/corpora/{uuid.uuid4()}").json()
        assert foreign["status"] == missing["status"] == 404
        assert foreign["code"] == missing["code"] == "not_found"


class TestPutArchive:
    @pytest.mark.parametrize(
        ("body", "kind"), [(ZIP, "zip"), (tar_bytes(), "tar"), (tar_gz_bytes(), "tar.gz")], ids=["zip", "tar", "tar.gz"]
    )
    def test_it_is_stored_whole_and_described(
        self, client: TestClient, storage: Storage, body: bytes, kind: str
    ) -> None:
        corpus_id = _create(client)
        answer = client.put(f"/v1/corpora/{corpus_id}/archive", content=body)
        assert answer.status_code == 202
        assert answer.json()["archive"] == {
            "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), "kind": kind
        }  # fmt: skip
        assert storage.read_range(f"corpora/{corpus_id}/archive", 0, len(body)) == body

    def test_its_import_is_queued(self, client: TestClient) -> None:
        corpus = client.put(f"/v1/corpora/{_create(client)}/archive", content=ZIP).json()
        assert corpus["state"] == "uploaded"
        assert (corpus["job"]["kind"], corpus["job"]["state"], corpus["job"]["attempt"]) == ("import", "queued", 0)

    def test_a_worker_is_woken(self, client: TestClient, broker: redis.Redis) -> None:
        corpus = client.put(f"/v1/corpora/{_create(client)}/archive", content=ZIP).json()
        (message,) = broker.lrange("cpu", 0, -1)
        assert corpus["job"]["id"] in _decoded(message)

    def test_its_answer_is_what_a_get_shows(self, client: TestClient) -> None:
        corpus_id = _create(client)
        put = client.put(f"/v1/corpora/{corpus_id}/archive", content=ZIP).json()
        assert client.get(f"/v1/corpora/{corpus_id}").json() == put

    def test_the_content_type_makes_no_difference(self, client: TestClient) -> None:
        headers = {"Content-Type": "application/json"}
        answer = client.put(f"/v1/corpora/{_create(client)}/archive", content=ZIP, headers=headers)
        assert answer.status_code == 202

    def test_an_empty_body_is_refused(self, client: TestClient) -> None:
        answer = client.put(f"/v1/corpora/{_create(client)}/archive", content=b"")
        assert (answer.status_code, answer.json()["code"]) == (422, "empty_body")

    def test_what_is_no_archive_is_refused(self, client: TestClient) -> None:
        answer = client.put(f"/v1/corpora/{_create(client)}/archive", content=b"image,caption\n")
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_archive")

    def test_after_a_refusal_another_archive_may_come(self, client: TestClient) -> None:
        corpus_id = _create(client)
        client.put(f"/v1/corpora/{corpus_id}/archive", content=b"no")
        assert client.put(f"/v1/corpora/{corpus_id}/archive", content=ZIP).status_code == 202

    def test_a_second_archive_is_refused_and_the_first_stays(self, client: TestClient, storage: Storage) -> None:
        corpus_id = _create(client)
        client.put(f"/v1/corpora/{corpus_id}/archive", content=ZIP)
        answer = client.put(f"/v1/corpora/{corpus_id}/archive", content=tar_bytes())
        assert (answer.status_code, answer.json()["code"]) == (409, "archive_exists")
        assert storage.read_range(f"corpora/{corpus_id}/archive", 0, len(ZIP)) == ZIP

    def test_another_workspaces_corpus_does_not_exist(
        self, client: TestClient, other_client: TestClient, storage: Storage
    ) -> None:
        corpus_id = _create(client)
        assert other_client.put(f"/v1/corpora/{corpus_id}/archive", content=ZIP).status_code == 404
        assert not storage.exists(f"corpora/{corpus_id}/archive")


class TestPutArchiveLimit:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_archive_bytes": len(ZIP) - 1})

    def test_a_declared_length_over_it_is_refused(self, client: TestClient) -> None:
        answer = client.put(f"/v1/corpora/{_create(client)}/archive", content=ZIP)
        assert (answer.status_code, answer.json()["code"]) == (413, "archive_too_large")

    def test_a_body_without_a_declared_length_is_counted(self, client: TestClient, storage: Storage) -> None:
        corpus_id = _create(client)
        answer = client.put(f"/v1/corpora/{corpus_id}/archive", content=iter([ZIP[:50], ZIP[50:]]))
        assert (answer.status_code, answer.json()["code"]) == (413, "archive_too_large")
        assert not storage.exists(f"corpora/{corpus_id}/archive")


class TestPutArchiveWithoutBroker:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"broker_url": "redis+socket:///nowhere/redis.sock?virtual_host=0"})

    def test_its_import_is_queued_for_a_sweeper_to_wake(self, client: TestClient, committed: Committed) -> None:
        answer = client.put(f"/v1/corpora/{_create(client)}/archive", content=ZIP)
        assert answer.status_code == 202
        with committed() as session:
            assert session.execute(select(Job.state)).scalar_one() == "queued"


class TestDeleteCorpus:
    def test_it_is_gone(self, client: TestClient) -> None:
        corpus_id = _create(client)
        assert client.delete(f"/v1/corpora/{corpus_id}").status_code == 204
        assert client.get(f"/v1/corpora/{corpus_id}").status_code == 404

    def test_its_files_are_gone(
        self, client: TestClient, context: KeyContext, committed: Committed, storage: Storage
    ) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            version = add_version(session, corpus)
        keys = [f"corpora/{corpus.id}/archive", f"versions/{version.id}/shards/0", f"features/{version.id}/f/1/i.npy"]
        for key in keys:
            with storage.writer(key) as file:
                file.write(b"x")
        client.delete(f"/v1/corpora/{corpus.id}")
        assert [storage.exists(key) for key in keys] == [False, False, False]

    def test_while_its_import_is_open_it_stays(self, client: TestClient) -> None:
        corpus_id = _create(client)
        client.put(f"/v1/corpora/{corpus_id}/archive", content=ZIP)
        answer = client.delete(f"/v1/corpora/{corpus_id}")
        assert (answer.status_code, answer.json()["code"]) == (409, "job_open")
        assert client.get(f"/v1/corpora/{corpus_id}").status_code == 200

    def test_another_workspaces_stays(self, client: TestClient, other_client: TestClient) -> None:
        corpus_id = _create(client)
        assert other_client.delete(f"/v1/corpora/{corpus_id}").status_code == 404
        assert client.get(f"/v1/corpora/{corpus_id}").status_code == 200


class TestListVersions:
    def test_the_newest_comes_first(self, client: TestClient, context: KeyContext, committed: Committed) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            for number in (1, 2, 3):
                add_version(session, corpus, number=number)
        first = client.get(f"/v1/corpora/{corpus.id}/versions", params={"limit": 2}).json()
        assert [version["number"] for version in first["items"]] == [3, 2]
        params = {"limit": 2, "cursor": first["next_cursor"]}
        rest = client.get(f"/v1/corpora/{corpus.id}/versions", params=params).json()
        assert [version["number"] for version in rest["items"]] == [1]

    def test_another_workspaces_do_not_exist(
        self, other_client: TestClient, context: KeyContext, committed: Committed
    ) -> None:
        corpus = _add_corpus(committed, context)
        assert other_client.get(f"/v1/corpora/{corpus.id}/versions").status_code == 404


class TestListRejections:
    @pytest.fixture
    def corpus(self, context: KeyContext, committed: Committed) -> Corpus:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            self._add_version(session, corpus, number=1, paths=["old.jpg"])
            self._add_version(session, corpus, number=2, paths=["a.jpg", "b.jpg", "c.jpg"])
        return corpus

    def _add_version(self, session: Session, corpus: Corpus, number: int, paths: list[str]) -> None:
        version = add_version(session, corpus, number=number, n_rejected=len(paths))
        for row_number, path in enumerate(paths, start=1):
            values = {"row_number": row_number, "source_path": path, "code": "not_an_image", "detail": "is text"}
            session.add(Rejection(workspace_id=corpus.workspace_id, corpus_version_id=version.id, **values))
            session.flush()

    def test_a_row_says_where_and_why(self, client: TestClient, corpus: Corpus) -> None:
        first = client.get(f"/v1/corpora/{corpus.id}/rejections").json()["items"][0]
        assert first == {
            "row_number": 1,
            "source_path": "a.jpg",
            "code": "not_an_image",
            "detail": "is text",
            "source_file": None,
            "byte_offset": None,
        }

    def test_pages_join_to_those_of_the_newest_version(self, client: TestClient, corpus: Corpus) -> None:
        first = client.get(f"/v1/corpora/{corpus.id}/rejections", params={"limit": 2}).json()
        params = {"limit": 2, "cursor": first["next_cursor"]}
        rest = client.get(f"/v1/corpora/{corpus.id}/rejections", params=params).json()
        assert [row["source_path"] for row in first["items"] + rest["items"]] == ["a.jpg", "b.jpg", "c.jpg"]

    def test_before_the_first_version_there_are_none(self, client: TestClient) -> None:
        answer = client.get(f"/v1/corpora/{_create(client)}/rejections")
        assert answer.json() == {"items": [], "next_cursor": None}

    def test_another_workspaces_do_not_exist(self, other_client: TestClient, corpus: Corpus) -> None:
        assert other_client.get(f"/v1/corpora/{corpus.id}/rejections").status_code == 404


class TestDownloadRejections:
    @pytest.fixture
    def corpus(self, context: KeyContext, committed: Committed) -> Corpus:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            version = add_version(session, corpus, n_rejected=1)
            values = {"row_number": 7, "source_path": "=a.jpg", "code": "missing_image", "detail": "it is gone"}
            place = {"source_file": "captions.csv", "byte_offset": 90}
            owner = {"workspace_id": corpus.workspace_id, "corpus_version_id": version.id}
            session.add(Rejection(**owner, **values, **place))
        return corpus

    def test_csv_says_in_which_file_at_which_row_and_byte(self, client: TestClient, corpus: Corpus) -> None:
        answer = client.get(f"/v1/corpora/{corpus.id}/rejections.csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.text.splitlines() == [
            "source_file,row_number,byte_offset,source_path,code,detail",
            "captions.csv,7,90,'=a.jpg,missing_image,it is gone",
        ]

    def test_raw_csv_quotes_nothing(self, client: TestClient, corpus: Corpus) -> None:
        assert ",=a.jpg," in client.get(f"/v1/corpora/{corpus.id}/rejections.csv", params={"raw": 1}).text

    def test_json_lines(self, client: TestClient, corpus: Corpus) -> None:
        answer = client.get(f"/v1/corpora/{corpus.id}/rejections.jsonl")
        assert [json.loads(line)["byte_offset"] for line in answer.text.splitlines()] == [90]

    def test_before_the_first_version_there_is_a_header_only(self, client: TestClient) -> None:
        answer = client.get(f"/v1/corpora/{_create(client)}/rejections.csv")
        assert answer.text.splitlines() == ["source_file,row_number,byte_offset,source_path,code,detail"]

    def test_another_workspaces_do_not_exist(self, other_client: TestClient, corpus: Corpus) -> None:
        assert other_client.get(f"/v1/corpora/{corpus.id}/rejections.csv").status_code == 404


class TestPreflight:
    @pytest.fixture
    def corpus(self, context: KeyContext, committed: Committed) -> Corpus:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            version = add_version(session, corpus, n_accepted=4)
            version.format, version.preflight = "coco", preflight()
        return corpus

    def test_it_is_shown_as_it_is_stored(self, client: TestClient, corpus: Corpus) -> None:
        assert client.get(f"/v1/corpora/{corpus.id}/preflight").json() == preflight()

    def test_a_corpus_shows_its_format_and_how_it_was_told(self, client: TestClient, corpus: Corpus) -> None:
        assert client.get(f"/v1/corpora/{corpus.id}").json()["format"] == preflight()["format"]

    def test_before_the_import_there_is_none(self, client: TestClient) -> None:
        problem = client.get(f"/v1/corpora/{_create(client)}/preflight")
        assert (problem.status_code, problem.json()["code"]) == (409, "preflight_not_ready")

    def test_another_workspaces_does_not_exist(self, other_client: TestClient, corpus: Corpus) -> None:
        assert other_client.get(f"/v1/corpora/{corpus.id}/preflight").status_code == 404


def _decoded(message: bytes | str) -> str:
    """The arguments of a Celery message, which lie base64-encoded in its JSON."""
    envelope = json.loads(message)
    return base64.b64decode(envelope["body"]).decode()
