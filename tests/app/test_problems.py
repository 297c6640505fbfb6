"""Every kind of error is answered as application/problem+json."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy.exc import OperationalError

from app.core.errors import UnavailableError, WrongStateError

UNKNOWN_ID = "0190a6e2-0000-7000-8000-000000000000"


def _raises(app: FastAPI, error: Exception) -> None:
    @app.get("/raises")
    def _endpoint() -> None:
        raise error


def _get_raised(app: FastAPI, client: TestClient, error: Exception) -> Response:
    _raises(app, error)
    return client.get("/raises")


class TestAppError:
    def test_its_status_code_and_words_are_the_answers(self, app: FastAPI, client: TestClient) -> None:
        answer = _get_raised(app, client, WrongStateError("the run is done", code="run_done"))
        problem = answer.json()
        assert answer.status_code == problem["status"] == 409
        assert (problem["code"], problem["detail"]) == ("run_done", "the run is done")

    def test_it_has_every_member_of_the_contract(self, app: FastAPI, client: TestClient) -> None:
        problem = _get_raised(app, client, WrongStateError("no")).json()
        assert set(problem) == {"type", "title", "status", "code", "detail", "errors", "request_id"}

    def test_its_content_type_is_problem_json(self, app: FastAPI, client: TestClient) -> None:
        answer = _get_raised(app, client, WrongStateError("no"))
        assert answer.headers["content-type"] == "application/problem+json"

    def test_its_headers_are_sent(self, app: FastAPI, client: TestClient) -> None:
        answer = _get_raised(app, client, UnavailableError("later", retry_after_s=7))
        assert answer.headers["Retry-After"] == "7"


class TestUnexpectedError:
    def test_it_is_a_500_that_shows_nothing_of_it(self, app: FastAPI, client: TestClient) -> None:
        answer = _get_raised(app, client, RuntimeError("secret detail"))
        assert answer.status_code == 500
        assert "secret detail" not in answer.text

    def test_its_problem_bears_the_id_under_which_the_log_has_it(
        self, app: FastAPI, client: TestClient, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = _get_raised(app, client, RuntimeError("secret detail"))
        logged = capsys.readouterr().out
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
        assert answer.json()["request_id"] in logged
        assert "secret detail" in logged


class TestDatabaseError:
    def test_one_that_may_pass_is_a_503(self, app: FastAPI, client: TestClient) -> None:
        error = OperationalError("SELECT 1", {}, Exception("server closed the connection"))
        answer = _get_raised(app, client, error)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


class TestRoutingError:
    def test_an_unknown_route_is_a_404_problem(self, client: TestClient) -> None:
        answer = client.get("/v1/nothing")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_route")

    def test_a_trailing_slash_is_another_route(self, client: TestClient) -> None:
        assert client.get("/v1/corpora/").status_code == 404

    def test_an_unknown_method_is_a_405_problem_that_names_the_allowed_ones(self, client: TestClient) -> None:
        answer = client.patch("/v1/keys")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, POST"

    def test_a_preflight_of_another_origin_is_refused(self, client: TestClient) -> None:
        answer = client.options(
            "/v1/corpora", headers={"Origin": "https://elsewhere", "Access-Control-Request-Method": "GET"}
        )
        assert answer.status_code == 405
        assert "Access-Control-Allow-Origin" not in answer.headers


class TestValidationError:
    def test_it_names_each_wrong_part_with_a_code(self, client: TestClient) -> None:
        problem = client.post("/v1/corpora", json={"name": "", "state": "ready"}).json()
        assert {(tuple(error["loc"]), error["code"]) for error in problem["errors"]} == {
            (("body", "name"), "string_too_short"),
            (("body", "state"), "extra_forbidden"),
        }

    def test_its_detail_says_the_first_and_counts_the_others(self, client: TestClient) -> None:
        detail = client.post("/v1/corpora", json={"name": "", "state": "ready"}).json()["detail"]
        assert re.fullmatch(r"body\.name: .* \(and 1 more\)", detail)

    def test_it_does_not_repeat_what_came(self, client: TestClient) -> None:
        assert "sesame" not in client.post("/v1/corpora", json={"name": ["sesame"]}).text

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"name": "a\\ud800"}',
            b'{"name": "a", "\\ud800": 1}',
            b'{"name": "a\\u0000"}',
            b'{"name": "a\\nb"}',
            b'{"name": NaN}',
            b'{"name": ' + b"1" * 5000 + b"}",
            b"null",
            b"",
        ],
        ids=lambda body: repr(body[:20]),
    )
    def test_a_malformed_body_is_a_422(self, client: TestClient, body: bytes) -> None:
        answer = client.post("/v1/corpora", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_payload")

    def test_a_malformed_id_is_a_422(self, client: TestClient) -> None:
        assert client.get("/v1/corpora/1").status_code == 422
