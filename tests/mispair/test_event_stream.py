from collections.abc import Callable

import httpx2
import pytest

from mispair import event_stream
from mispair.client_file import ServerAddress
from mispair.connection import Connection
from mispair.errors import RefusedError, UnexpectedAnswerError, UnreachableError
from mispair.event_stream import follow_events
from tests.mispair.fake_server import event, problem, sse

Answer = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "_SHORTEST_PAUSE_S", 0.001)


class Script:
    """Answers one connection after the other, and keeps the Last-Event-ID of each."""

    def __init__(self, *answers: Answer | httpx2.Response) -> None:
        self._answers = list(answers)
        self.last_ids: list[str | None] = []

    def connection(self) -> Connection:
        return Connection(ServerAddress("http://fake", "k"), httpx2.MockTransport(self._answer))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.last_ids.append(request.headers.get("Last-Event-ID"))
        answer = self._answers.pop(0)
        return answer if isinstance(answer, httpx2.Response) else answer(request)


def cut(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadError("cut")


def kinds(script: Script, **options: float) -> list[str]:
    return [entry.kind for entry in follow_events(script.connection(), "/v1/runs/1/events", **options)]  # type: ignore[arg-type]  # patience_s only


class TestFollowEvents:
    def test_it_ends_with_the_terminal_event(self) -> None:
        assert kinds(Script(sse(event(1, "queued"), event(2, "failed", code="x")))) == ["queued", "failed"]

    def test_a_broken_connection_is_opened_again_where_it_broke(self) -> None:
        script = Script(
            sse(event(1, "queued"), event(2, "claimed")),
            cut,
            problem(503, "unavailable", "the database does not answer"),
            sse(event(2, "claimed"), event(3, "done")),
        )
        assert kinds(script) == ["queued", "claimed", "done"]
        assert script.last_ids == [None, "2", "2", "2"]

    def test_an_ended_job_without_news_ends_it(self) -> None:
        script = Script(httpx2.Response(204))
        assert list(follow_events(script.connection(), "/v1/runs/1/events", after=7)) == []
        assert script.last_ids == ["7"]

    def test_a_lasting_refusal_is_raised_at_once(self) -> None:
        script = Script(problem(404, "not_found", "run 1 does not exist"))
        with pytest.raises(RefusedError, match="run 1 does not exist"):
            kinds(script)

    def test_patience_ends(self) -> None:
        script = Script(*[cut] * 1000)
        with pytest.raises(UnreachableError):
            kinds(script, patience_s=0.02)

    def test_a_stream_that_ends_without_events_is_no_success(self) -> None:
        script = Script(*[sse()] * 1000)
        with pytest.raises(UnreachableError, match="ended before the job did"):
            kinds(script, patience_s=0.02)

    def test_an_event_that_is_no_json_is_called_so(self) -> None:
        response = httpx2.Response(200, text="data: {\n\n", headers={"Content-Type": "text/event-stream"})
        with pytest.raises(UnexpectedAnswerError, match="no JSON"):
            kinds(Script(response))

    def test_data_is_kept(self) -> None:
        script = Script(sse(event(1, "epoch", n_done=3, loss={"total": 0.5}), event(2, "done")))
        first = next(follow_events(script.connection(), "/v1/runs/1/events"))
        assert first.data == {"n_done": 3, "loss": {"total": 0.5}}
