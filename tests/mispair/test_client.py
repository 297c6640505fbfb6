import hashlib
import json
import tracemalloc
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import httpx2
import pytest

from mispair import Client, RefusedError, ReportFilter, UnexpectedAnswerError, UnreachableError
from mispair.answers import Run
from tests.mispair.fake_server import CALIBRATED, FakeServer, event, report_row


@pytest.fixture
def run(client: Client, archive: Path) -> Run:
    corpus = client.create_corpus("birds")
    client.upload(corpus.id, archive)
    return client.wait_for(client.start_run(client.wait_for(corpus).id, {"seed": 3}))


class TestCorpora:
    def test_create_upload_and_wait(self, client: Client, fake: FakeServer, archive: Path) -> None:
        corpus = client.create_corpus("birds")
        assert corpus.state == "uploading"
        sent: list[tuple[int, int]] = []
        uploaded = client.upload(corpus.id, archive, lambda done, total: sent.append((done, total)))
        n_bytes = archive.stat().st_size
        assert uploaded.archive is not None
        assert uploaded.archive.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
        assert sent[-1] == (n_bytes, n_bytes)
        assert [done for done, _ in sent] == sorted(done for done, _ in sent)
        assert len(sent) == -(-n_bytes // 2**20)
        put = next(request for request in fake.requests if request.method == "PUT")
        assert put.headers["Content-Length"] == str(n_bytes)
        assert "Transfer-Encoding" not in put.headers
        ready = client.wait_for(uploaded)
        assert ready.version is not None
        assert ready.version.n_accepted == 4

    def test_each_creation_has_its_own_idempotency_key(self, client: Client, fake: FakeServer) -> None:
        client.create_corpus("a")
        client.create_corpus("b")
        keys = [request.headers["Idempotency-Key"] for request in fake.requests]
        assert len(set(keys)) == 2

    def test_lists_follow_the_cursor(self, client: Client, fake: FakeServer) -> None:
        names = [f"corpus {number}" for number in range(230)]
        for name in names:
            client.create_corpus(name)
        fake.requests.clear()
        assert [corpus.name for corpus in client.corpora()] == names[::-1]
        assert len(fake.requests) == 3

    def test_delete(self, client: Client) -> None:
        corpus = client.create_corpus("birds")
        client.delete_corpus(corpus.id)
        with pytest.raises(RefusedError) as caught:
            client.corpus(corpus.id)
        assert caught.value.code == "not_found"

    def test_an_id_cannot_reach_another_resource(self, client: Client, fake: FakeServer) -> None:
        with pytest.raises(RefusedError):
            client.corpus("../keys?x=/")
        assert fake.requests[-1].url.raw_path == b"/v1/corpora/..%2Fkeys%3Fx%3D%2F"

    def test_an_upload_never_holds_the_file(self, fake: FakeServer, tmp_path: Path) -> None:
        archive = tmp_path / "large.zip"
        with archive.open("wb") as file:
            file.write(b"PK")
            file.truncate(64 * 2**20)

        def swallow(request: httpx2.Request) -> httpx2.Response:
            assert isinstance(request.stream, httpx2.SyncByteStream)
            for _ in request.stream:
                pass
            return httpx2.Response(202, json=fake.corpora["corpus-1"])

        with Client("http://fake", "mispair_test_secret", transport=httpx2.MockTransport(fake.handle)) as client:
            client.create_corpus("large")
        with Client("http://fake", "k", transport=_Streaming(swallow)) as client:
            tracemalloc.start()
            client.upload("corpus-1", archive)
            _, peak_bytes = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak_bytes < 8 * 2**20


class _Streaming(httpx2.BaseTransport):
    """Hands the request over unread, which MockTransport does not."""

    def __init__(self, handler: object) -> None:
        self._handler = handler

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert callable(self._handler)
        response = self._handler(request)
        assert isinstance(response, httpx2.Response)
        return response


class TestRuns:
    def test_a_run_has_the_settings_it_was_given(self, run: Run, fake: FakeServer) -> None:
        assert run.state == "done"
        assert run.config == {"seed": 3}
        assert run.summary is not None
        assert run.summary.round_epochs == (2, 4)
        assert fake.runs[run.id]["config"] == {"seed": 3}

    def test_runs_of_a_corpus(self, client: Client, run: Run) -> None:
        assert [found.id for found in client.runs(run.corpus_id)] == [run.id]

    def test_cancel(self, client: Client, run: Run) -> None:
        assert client.cancel_run(run.id).state == "cancelled"

    def test_events_of_a_run_and_of_an_import(self, client: Client, run: Run, fake: FakeServer) -> None:
        fake.events = [event(1, "queued"), event(2, "epoch", n_done=1), event(3, "done")]
        assert [entry.kind for entry in client.events(run)] == ["queued", "epoch", "done"]
        assert [entry.seq for entry in client.events(client.corpus(run.corpus_id), after=2)] == [3]


class TestReports:
    def test_rows_come_page_by_page_as_needed(self, client: Client, run: Run, fake: FakeServer) -> None:
        fake.rows = [report_row(rank) for rank in range(1, 31)]
        fake.requests.clear()
        rows = list(islice(client.report(run.id, page_size=10), 12))
        assert [row.rank for row in rows] == list(range(1, 13))
        assert len(fake.requests) == 2

    def test_a_filter_is_sent_by_its_wire_names(self, client: Client, run: Run, fake: FakeServer) -> None:
        wanted = ReportFilter(
            threshold=0.3, is_flagged=True, min_correspondence=0.1, image_id="i", words="red dog", reason="uncertain"
        )
        rows = list(client.report(run.id, wanted))
        assert [row.is_mismatch for row in rows] == [True]
        parameters = dict(fake.requests[-1].url.params)
        assert parameters == {
            "threshold": "0.3",
            "flag": "true",
            "min_correspondence": "0.1",
            "image_id": "i",
            "q": "red dog",
            "reason": "uncertain",
            "limit": "100",
        }

    def test_summary_and_single_row(self, client: Client, run: Run, fake: FakeServer) -> None:
        assert client.summary(run.id, threshold=0.4).n_flagged == 1
        assert fake.requests[-1].url.params["threshold"] == "0.4"
        assert client.report_row(run.id, "pair-2").rank == 2

    def test_a_rate_is_sent_in_place_of_a_threshold(self, client: Client, run: Run, fake: FakeServer) -> None:
        client.summary(run.id, fdr=0.05)
        assert dict(fake.requests[-1].url.params) == {"fdr": "0.05"}
        list(client.report(run.id, ReportFilter(fdr=0.05)))
        assert dict(fake.requests[-1].url.params) == {"fdr": "0.05", "limit": "100"}

    def test_calibration_is_read(self, client: Client, run: Run, fake: FakeServer) -> None:
        fake.summary = fake.summary | CALIBRATED
        summary = client.summary(run.id)
        assert {name: getattr(summary, name) for name in CALIBRATED} == CALIBRATED

    def test_a_summary_that_is_older_than_calibration_reads(self, client: Client, run: Run) -> None:
        summary = client.summary(run.id)
        assert (summary.is_calibrated, summary.n_decoys, summary.noise_rate) == (False, 0, None)

    def test_download_appears_whole(self, client: Client, run: Run, tmp_path: Path, fake: FakeServer) -> None:
        target = tmp_path / "report.csv"
        n_bytes = client.download_report(run.id, target, raw=True)
        assert target.read_text().splitlines()[1] == "key-1,0.2"
        assert target.stat().st_size == n_bytes
        assert fake.requests[-1].url.path.endswith("/report.csv")
        assert fake.requests[-1].url.params["raw"] == "1"

    def test_a_download_that_breaks_leaves_the_old_file(
        self, client: Client, run: Run, tmp_path: Path, fake: FakeServer
    ) -> None:
        class Broken(httpx2.SyncByteStream):
            def __iter__(self) -> object:  # type: ignore[override]  # a generator that fails midway
                yield b"pair"
                raise httpx2.ReadError("cut")

        target = tmp_path / "report.csv"
        target.write_text("old")
        fake.failures.append(lambda _: httpx2.Response(200, stream=Broken()))
        with pytest.raises(UnreachableError):
            client.download_report(run.id, target)
        assert target.read_text() == "old"
        assert [path.name for path in tmp_path.glob("*report*")] == ["report.csv"]

    def test_a_report_that_is_not_ready_says_so(self, client: Client, run: Run, fake: FakeServer) -> None:
        fake.runs[run.id]["state"] = "running"
        with pytest.raises(RefusedError) as caught:
            next(client.report(run.id))
        assert caught.value.code == "report_not_ready"

    def test_a_page_that_is_none_is_called_so(self, client: Client, run: Run, fake: FakeServer) -> None:
        fake.failures.append(lambda _: httpx2.Response(200, json=[1]))
        with pytest.raises(UnexpectedAnswerError, match="did not answer a page"):
            next(client.report(run.id))

    def test_a_row_that_lacks_a_member_is_called_so(self, client: Client, run: Run, fake: FakeServer) -> None:
        fake.rows = [{"pair_id": "x"}]
        with pytest.raises(UnexpectedAnswerError, match="ReportRow does not read as one: pair_key"):
            list(client.report(run.id))


class TestSearch:
    def test_by_text(self, client: Client, run: Run, fake: FakeServer) -> None:
        answer = client.search(run.id, text="a red dog", k=3, min_correspondence=0.5, flagged="exclude")
        assert answer.items[0].image is not None
        assert answer.items[0].captions[0].pair_key == "key-1"
        assert json.loads(fake.requests[-1].content) == {
            "text": "a red dog",
            "returns": "images",
            "k": 3,
            "filters": {"min_correspondence": 0.5, "flagged": "exclude"},
        }

    def test_a_rate_is_sent_with_words_and_with_an_image(
        self, client: Client, run: Run, fake: FakeServer, tmp_path: Path
    ) -> None:
        client.search(run.id, text="a red dog", fdr=0.05)
        assert json.loads(fake.requests[-1].content)["fdr"] == 0.05
        picture = tmp_path / "picture.png"
        picture.write_bytes(b"\x89PNG")
        client.search(run.id, image=picture, fdr=0.05)
        assert fake.requests[-1].url.params["fdr"] == "0.05"

    def test_by_an_image_of_the_corpus(self, client: Client, run: Run, fake: FakeServer) -> None:
        client.search(run.id, image_id="image-1", returns="captions")
        assert json.loads(fake.requests[-1].content)["image_id"] == "image-1"

    def test_by_an_image_on_disk(self, client: Client, run: Run, fake: FakeServer, tmp_path: Path) -> None:
        picture = tmp_path / "picture"
        picture.write_bytes(b"\xff\xd8\xff jpeg")
        client.search(run.id, image=picture, returns="captions", threshold=0.4)
        sent = fake.requests[-1]
        assert sent.headers["Content-Type"] == "image/jpeg"
        assert sent.content == picture.read_bytes()
        assert dict(sent.url.params) == {"returns": "captions", "k": "10", "threshold": "0.4", "flagged": "any"}

    def test_exactly_one_query_is_allowed(self, client: Client) -> None:
        with pytest.raises(ValueError, match="exactly one of text, image and image_id"):
            client.search("run", text="a", image_id="b")


class TestKeys:
    def test_create_list_revoke(self, client: Client) -> None:
        created = client.create_key("laptop", datetime(2027, 1, 31, tzinfo=UTC))
        assert created.key == "mispair_abc_new"
        assert "mispair_abc_new" not in repr(created)
        listed = list(client.keys())
        assert [(key.name, key.key) for key in listed] == [("laptop", None)]
        client.revoke_key(created.id)
        assert list(client.keys()) == []

    def test_a_wrong_key_is_refused(self, fake: FakeServer) -> None:
        with (
            Client("http://fake", "mispair_wrong", transport=httpx2.MockTransport(fake.handle)) as client,
            pytest.raises(RefusedError) as caught,
        ):
            client.create_corpus("birds")
        assert caught.value.status == 401
