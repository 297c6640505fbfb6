import base64
import io
import json
import threading
from pathlib import Path

import pytest

from mispair.client import Client
from mispair.commands.cleaning import Choices, Cleaning, clean_once
from mispair.errors import JobFailedError, StoppedWaitingError
from mispair.progress import PlainProgress
from mispair.upload_source import open_source
from tests.mispair.fake_server import FakeServer


def clean(client: Client, archive: Path, stop: threading.Event | None = None) -> Cleaning:
    return clean_once(client, PlainProgress(io.StringIO()), open_source(archive), "birds", stop or threading.Event())


class TestCleanOnce:
    def test_the_first_time_does_everything(self, client: Client, archive: Path) -> None:
        cleaning = clean(client, archive)
        assert cleaning.is_new
        assert cleaning.run.state == "done"

    def test_the_second_time_does_nothing(self, client: Client, archive: Path, fake: FakeServer) -> None:
        first = clean(client, archive)
        fake.requests.clear()
        second = clean(client, archive)
        assert not second.is_new
        assert second.run.id == first.run.id
        assert {request.method for request in fake.requests} == {"GET"}

    def test_what_the_user_decides_is_sent(self, client: Client, archive: Path, fake: FakeServer) -> None:
        choices = Choices(corpus_format="coco", confirm_warnings=True)
        clean_once(client, PlainProgress(io.StringIO()), open_source(archive), "birds", threading.Event(), choices)
        upload, run = (request for request in fake.requests if request.method == "POST")
        told = dict(pair.split(" ") for pair in upload.headers["Upload-Metadata"].split(","))
        assert base64.b64decode(told["format"]) == b"coco"
        assert json.loads(run.content) == {"confirm_warnings": True}

    def test_other_bytes_are_another_corpus(self, client: Client, archive: Path) -> None:
        first = clean(client, archive)
        archive.write_bytes(b"PK other")
        assert clean(client, archive).corpus.id != first.corpus.id

    def test_an_import_that_was_under_way_is_followed(self, client: Client, archive: Path, fake: FakeServer) -> None:
        client.upload(client.create_corpus("birds").id, archive)
        assert clean(client, archive).corpus.id == "corpus-1"
        assert len(fake.corpora) == 1

    def test_a_run_that_was_under_way_is_followed(self, client: Client, archive: Path, fake: FakeServer) -> None:
        corpus = client.create_corpus("birds")
        client.wait_for(client.upload(corpus.id, archive))
        client.start_run(corpus.id)
        assert clean(client, archive).run.id == "run-1"
        assert len(fake.runs) == 1

    def test_what_failed_is_tried_again(self, client: Client, archive: Path, fake: FakeServer) -> None:
        fake.run_error = {"code": "interrupted", "detail": "killed too often"}
        with pytest.raises(JobFailedError):
            clean(client, archive)
        fake.run_error = None
        cleaning = clean(client, archive)
        assert (cleaning.corpus.id, cleaning.run.id) == ("corpus-1", "run-2")

    def test_stop_ends_the_waiting(self, client: Client, archive: Path) -> None:
        stop = threading.Event()
        stop.set()
        with pytest.raises(StoppedWaitingError):
            clean(client, archive, stop)
