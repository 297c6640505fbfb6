"""The client against the real service, as far as it goes without a worker."""

import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.core import models
from mispair import Client, RefusedError
from mispair.answers import Corpus
from mispair.upload_source import open_source, source_sha256
from tests.app.corpora.preflights import WARNED, preflight
from tests.factories import Committed, add_version


@pytest.fixture
def client(anonymous_client: TestClient, api_key: str) -> Iterator[Client]:
    # The transport of Starlette's client calls the application in this process.
    with Client("http://testserver", api_key, transport=anonymous_client._transport) as client:
        yield client


@pytest.fixture
def uploaded(client: Client, tmp_path: Path) -> Corpus:
    archive = tmp_path / "small.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("captions.csv", "image,caption\na.jpg,a dog\n")
    return client.upload(client.create_corpus("small").id, archive)


class TestCorpora:
    def test_an_uploaded_archive_waits_for_its_import(self, client: Client, uploaded: Corpus) -> None:
        assert uploaded.state == "uploaded"
        assert uploaded.archive is not None
        assert uploaded.archive.kind == "zip"
        assert [corpus.id for corpus in client.corpora()] == [uploaded.id]
        assert list(client.versions(uploaded.id)) == []
        assert list(client.rejections(uploaded.id)) == []
        assert list(client.runs(uploaded.id)) == []

    def test_its_first_event_can_be_read(self, client: Client, uploaded: Corpus) -> None:
        newest = client.corpus(uploaded.id)
        assert newest.job is not None
        assert newest.job.state == "queued"

    def test_a_run_is_refused_until_it_is_ready(self, client: Client, uploaded: Corpus) -> None:
        with pytest.raises(RefusedError) as caught:
            client.start_run(uploaded.id)
        assert (caught.value.status, caught.value.code) == (409, "corpus_not_ready")
        assert caught.value.request_id

    def test_an_unknown_setting_is_named(self, client: Client, uploaded: Corpus) -> None:
        with pytest.raises(RefusedError) as caught:
            client.start_run(uploaded.id, {"sed": 1})
        assert caught.value.status == 422
        assert [fault.loc for fault in caught.value.faults] == ["body.sed"]

    def test_the_preflight_of_an_import(self, client: Client, uploaded: Corpus, committed: Committed) -> None:
        with committed() as session:
            add_version(session, session.get_one(models.Corpus, uuid.UUID(uploaded.id))).preflight = preflight(**WARNED)
        told = client.preflight(uploaded.id)
        assert (told.format.name, told.join_rate, told.needs_confirmation) == ("coco", 0.5, True)
        assert [warning.code for warning in told.warnings] == ["low_join_rate"]
        newest = client.corpus(uploaded.id)
        assert newest.format is not None
        assert newest.format.why == "its lists"

    @pytest.mark.parametrize(("name", "start"), [("lost.csv", b"source_file,row_number"), ("lost.jsonl", b"")])
    def test_rejections_as_a_file(
        self, name: str, start: bytes, client: Client, uploaded: Corpus, tmp_path: Path
    ) -> None:
        n_bytes = client.download_rejections(uploaded.id, tmp_path / name)
        assert (tmp_path / name).read_bytes()[: len(start)] == start
        assert n_bytes == (tmp_path / name).stat().st_size

    def test_a_format_that_the_service_does_not_know(self, client: Client) -> None:
        with pytest.raises(RefusedError) as caught:
            client.create_corpus("birds", "cocoa")
        assert [fault.loc for fault in caught.value.faults] == ["body.format"]

    def test_another_kind_of_file_is_refused(self, client: Client, tmp_path: Path) -> None:
        wrong = tmp_path / "notes.txt"
        wrong.write_text("hello")
        corpus = client.create_corpus("wrong")
        with pytest.raises(RefusedError) as caught:
            client.upload(corpus.id, wrong)
        assert caught.value.code == "unsupported_archive"
        client.delete_corpus(corpus.id)
        assert list(client.corpora()) == []

    def test_an_empty_file_is_refused(self, client: Client, tmp_path: Path) -> None:
        empty = tmp_path / "empty.zip"
        empty.touch()
        with pytest.raises(RefusedError) as caught:
            client.upload(client.create_corpus("empty").id, empty)
        assert caught.value.code == "empty_body"


class TestUploadResumably:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "birds"
        folder.mkdir()
        (folder / "captions.csv").write_text("image,caption\na.jpg,a dog\n")
        (folder / "a.jpg").write_bytes(bytes(100_000))
        return folder

    def test_a_folder_becomes_a_tar(self, client: Client, folder: Path) -> None:
        source = open_source(folder)
        corpus = client.upload_resumably(source, name="birds", sha256=source_sha256(source))
        assert (corpus.name, corpus.state) == ("birds", "uploaded")
        assert corpus.archive is not None
        assert (corpus.archive.kind, corpus.archive.bytes) == ("tar", source.n_bytes)

    def test_a_wrong_hash_leaves_nothing(self, client: Client, folder: Path) -> None:
        with pytest.raises(RefusedError) as caught:
            client.upload_resumably(open_source(folder), name="birds", sha256="0" * 64)
        assert (caught.value.status, caught.value.code) == (460, "sha256_mismatch")
        assert list(client.corpora()) == []


class TestKeys:
    def test_a_new_key_works_until_it_is_revoked(self, client: Client, anonymous_client: TestClient) -> None:
        created = client.create_key("laptop", datetime.now(UTC) + timedelta(days=1))
        assert created.key is not None
        with Client("http://testserver", created.key, transport=anonymous_client._transport) as other:
            assert {key.name for key in other.keys()} >= {"laptop"}  # noqa: SIM118 - a client is no dict
            client.revoke_key(created.id)
            with pytest.raises(RefusedError) as caught:
                list(other.keys())
        assert caught.value.code == "key_revoked"


class TestRuns:
    def test_an_unknown_run_is_refused_everywhere(self, client: Client) -> None:
        unknown = "0192f000-0000-7000-8000-000000000000"
        for ask in (client.run, client.summary, client.cancel_run, lambda run: next(client.report(run))):
            with pytest.raises(RefusedError) as caught:
                ask(unknown)
            assert caught.value.status == 404
