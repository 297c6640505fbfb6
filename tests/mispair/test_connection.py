from collections.abc import Callable

import httpx2
import pytest

from mispair.client_file import ServerAddress
from mispair.connection import Connection
from mispair.errors import Fault, RefusedError, UnexpectedAnswerError, UnreachableError
from tests.mispair.fake_server import problem


def connection_to(handler: Callable[[httpx2.Request], httpx2.Response]) -> Connection:
    return Connection(ServerAddress("http://fake", "mispair_a_b"), httpx2.MockTransport(handler))


def connection_with(response: httpx2.Response) -> Connection:
    return connection_to(lambda _: response)


class TestRequest:
    def test_the_key_is_sent(self) -> None:
        seen: list[str] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            seen.append(request.headers["Authorization"])
            return httpx2.Response(200, json={})

        connection_to(answer).request("GET", "/v1/corpora")
        assert seen == ["Bearer mispair_a_b"]

    def test_unset_parameters_are_left_out(self) -> None:
        seen: list[str] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            seen.append(str(request.url))
            return httpx2.Response(200, json={})

        connection_to(answer).request("GET", "/v1/corpora", params={"cursor": None, "limit": 5})
        assert seen == ["http://fake/v1/corpora?limit=5"]

    def test_an_empty_answer_is_none(self) -> None:
        assert connection_with(httpx2.Response(204)).request("DELETE", "/v1/keys/1") is None


class TestFailures:
    def test_a_problem_keeps_all_that_the_server_said(self) -> None:
        errors = [{"loc": ["body", "seed"], "code": "int_parsing", "detail": "not a number"}]
        refused = connection_with(problem(422, "invalid_payload", "body.seed: not a number", errors=errors))
        with pytest.raises(RefusedError, match=r"body\.seed: not a number \(422 invalid_payload\)") as caught:
            refused.request("POST", "/v1/corpora/1/runs")
        error = caught.value
        assert (error.status, error.code, error.request_id) == (422, "invalid_payload", "request-1")
        assert error.faults == (Fault("body.seed", "int_parsing", "not a number"),)

    def test_a_refusal_with_retry_after_is_temporary(self) -> None:
        response = httpx2.Response(503, json={"code": "unavailable", "detail": "away"}, headers={"Retry-After": "5"})
        with pytest.raises(RefusedError) as caught:
            connection_with(response).request("GET", "/readyz")
        assert caught.value.is_temporary
        assert caught.value.retry_after_s == 5

    def test_a_gateways_page_is_a_temporary_refusal(self) -> None:
        with pytest.raises(RefusedError) as caught:
            connection_with(httpx2.Response(502, text="<html>Bad gateway")).request("GET", "/v1/corpora")
        assert caught.value.is_temporary

    def test_a_problem_with_odd_members_still_reads(self) -> None:
        response = httpx2.Response(400, json={"detail": None, "errors": ["x", {"loc": "a"}], "request_id": 5})
        with pytest.raises(RefusedError, match=r"the server answered 400 \(400 http_400\)") as caught:
            connection_with(response).request("GET", "/v1/corpora")
        assert caught.value.faults == (Fault("a", "", ""),)

    @pytest.mark.parametrize(
        "response",
        [
            httpx2.Response(404, text="<html>not here"),
            httpx2.Response(302, headers={"Location": "http://login"}),
            httpx2.Response(200, text="<html>welcome"),
        ],
    )
    def test_another_service_is_called_one(self, response: httpx2.Response) -> None:
        with pytest.raises(UnexpectedAnswerError, match="GET /v1/corpora answered"):
            connection_with(response).request("GET", "/v1/corpora")

    @pytest.mark.parametrize(
        ("failure", "words"),
        [
            (httpx2.ConnectError("refused"), "no server answers at http://fake"),
            (httpx2.ReadTimeout("slow"), "did not answer in time"),
            (httpx2.RemoteProtocolError("cut"), "broke"),
        ],
    )
    def test_a_broken_wire_is_unreachable(self, failure: Exception, words: str) -> None:
        def fail(_: httpx2.Request) -> httpx2.Response:
            raise failure

        with pytest.raises(UnreachableError, match=words):
            connection_to(fail).request("GET", "/v1/corpora")

    @pytest.mark.parametrize("url", ["", "fake", "ftp://fake", "http://x:notaport"])
    def test_what_is_no_address_is_called_so(self, url: str) -> None:
        with pytest.raises(UnreachableError, match="is no server address"):
            Connection(ServerAddress(url, "k")).request("GET", "/v1/corpora")

    def test_no_message_holds_the_key(self) -> None:
        with pytest.raises(UnreachableError) as caught:
            Connection(ServerAddress("ftp://fake", "mispair_a_b")).request("GET", "/v1/corpora")
        assert "mispair_a_b" not in str(caught.value)


class TestProxies:
    @pytest.mark.parametrize(("url", "expected"), [("http://127.0.0.1:1", False), ("http://mispair.example", True)])
    def test_a_proxy_is_never_used_for_this_machine(
        self, url: str, expected: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[object] = []
        real = httpx2.Client

        def record(**options: object) -> httpx2.Client:
            seen.append(options["trust_env"])
            return real()

        monkeypatch.setattr("mispair.connection.httpx2.Client", record)
        Connection(ServerAddress(url, "k")).close()
        assert seen == [expected]
