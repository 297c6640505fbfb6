import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from mispair import Client, RefusedError, UnreachableError
from mispair.answers import Corpus
from mispair.upload_source import open_source
from tests.mispair.fake_server import FakeServer, fake_answer, problem


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mispair.resumable_upload.time.sleep", lambda _: None)
    monkeypatch.setattr("mispair.resumable_upload._PIECE_BYTES", 1_000_000)


def _upload(client: Client, archive: Path, **options: object) -> Corpus:
    return client.upload_resumably(open_source(archive), name="birds", **options)  # type: ignore[arg-type]  # any of them


def _break(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadError("connection reset", request=request)


def _then(fake: FakeServer, *answers: Callable[[httpx2.Request], httpx2.Response] | None) -> None:
    """Give these answers after the upload has begun: list, creation, first look; None is the real one."""
    fake.failures += [answer or fake_answer(fake) for answer in (None, None, None, *answers)]


def _lost(fake: FakeServer) -> Callable[[httpx2.Request], httpx2.Response]:
    """The request arrives and its answer does not."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        fake_answer(fake)(request)
        return _break(request)

    return answer


class TestUploadResumably:
    def test_the_corpus_has_the_bytes(self, client: Client, archive: Path, fake: FakeServer) -> None:
        corpus = _upload(client, archive)
        assert (corpus.name, corpus.state) == ("birds", "importing")
        assert fake.archives[corpus.id] == archive.read_bytes()

    def test_a_large_one_goes_in_pieces(self, client: Client, archive: Path, fake: FakeServer) -> None:
        _upload(client, archive)
        sizes = [int(r.headers["Content-Length"]) for r in fake.requests if r.method == "PATCH"]
        assert sizes == [1_000_000, 1_000_000, archive.stat().st_size - 2_000_000]

    def test_progress_ends_with_everything(self, client: Client, archive: Path) -> None:
        told: list[tuple[int, int]] = []
        _upload(client, archive, on_progress=lambda sent, total: told.append((sent, total)))
        n_bytes = archive.stat().st_size
        assert (told[0], told[-1]) == ((0, n_bytes), (n_bytes, n_bytes))

    @pytest.mark.parametrize(
        "failure",
        [
            _break,
            lambda _: httpx2.Response(502, text="<html>"),
            lambda _: problem(500, "internal_error", "oh"),
            lambda _: problem(503, "storage_unavailable", "away"),
            lambda _: problem(429, "slow", "down"),
            lambda _: problem(423, "upload_taken_over", "another"),
            lambda _: problem(409, "offset_mismatch", "other"),
        ],
    )
    def test_it_goes_on_after_what_may_pass(
        self, client: Client, archive: Path, fake: FakeServer, failure: Callable[[httpx2.Request], httpx2.Response]
    ) -> None:
        _then(fake, None, failure, None, failure)
        assert fake.archives[_upload(client, archive).id] == archive.read_bytes()

    @pytest.mark.parametrize("n_before", [1, 2, 3])
    def test_an_answer_that_was_lost_costs_no_byte(
        self, client: Client, archive: Path, fake: FakeServer, n_before: int
    ) -> None:
        _then(fake, *[None] * (n_before - 1), _lost(fake))
        assert fake.archives[_upload(client, archive).id] == archive.read_bytes()
        assert len(fake.corpora) == 1

    def test_an_upload_that_the_server_forgot_begins_anew(
        self, client: Client, archive: Path, fake: FakeServer
    ) -> None:
        _then(fake, lambda _: problem(404, "not_found", "gone"))
        fake.uploads.clear()
        assert _upload(client, archive).state == "importing"

    @pytest.mark.parametrize("status", [401, 413, 415, 460])
    def test_what_will_not_pass_is_raised(self, client: Client, archive: Path, fake: FakeServer, status: int) -> None:
        _then(fake, lambda _: problem(status, "no", "never"))
        with pytest.raises(RefusedError) as caught:
            _upload(client, archive)
        assert caught.value.status == status

    def test_patience_ends(self, client: Client, archive: Path, fake: FakeServer) -> None:
        _then(fake, _break)
        with pytest.raises(UnreachableError):
            _upload(client, archive, patience_s=-1.0)

    def test_a_server_that_is_away_at_the_start_is_not_waited_for(
        self, client: Client, archive: Path, fake: FakeServer
    ) -> None:
        fake.failures.append(_break)
        with pytest.raises(UnreachableError):
            _upload(client, archive)

    def test_trouble_is_told(self, client: Client, archive: Path, fake: FakeServer) -> None:
        told: list[str] = []
        _then(fake, _break)
        _upload(client, archive, on_trouble=told.append)
        assert len(told) == 1
        assert "connection reset" in told[0]


class TestUploadAgain:
    def test_an_interrupted_one_goes_on_where_it_was(self, client: Client, archive: Path, fake: FakeServer) -> None:
        def interrupt(_: httpx2.Request) -> httpx2.Response:
            raise KeyboardInterrupt

        _then(fake, None, interrupt)
        with pytest.raises(KeyboardInterrupt):
            _upload(client, archive)
        fake.requests.clear()
        corpus = _upload(client, archive)
        assert next(r.headers["Upload-Offset"] for r in fake.requests if r.method == "PATCH") == "1000000"
        assert fake.archives[corpus.id] == archive.read_bytes()
        assert len(fake.corpora) == 1

    def test_a_finished_one_is_not_gone_on_with(self, client: Client, archive: Path) -> None:
        assert _upload(client, archive).id != _upload(client, archive).id

    def test_a_changed_file_begins_anew(self, client: Client, archive: Path, fake: FakeServer) -> None:
        _then(fake, None, lambda _: problem(413, "quota", "full"))
        with pytest.raises(RefusedError):
            _upload(client, archive)
        archive.write_bytes(archive.read_bytes()[::-1])
        archive.write_bytes(b"PK" + archive.read_bytes())
        corpus = _upload(client, archive)
        assert corpus.archive is not None
        assert corpus.archive.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
