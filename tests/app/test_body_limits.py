from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.types import Scope

from app.body_limits import body_limit
from app.core.settings import Settings

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_json_bytes": 1000})


def _chunks(n_chunks: int) -> Iterator[bytes]:
    for _ in range(n_chunks):
        yield b" " * 100


class TestBodyLimits:
    def test_a_declared_length_over_the_limit_is_refused(self, client: TestClient) -> None:
        answer = client.post("/v1/corpora", content=b" " * 1001, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert "1001 bytes, at most 1000" in answer.json()["detail"]

    def test_a_body_without_a_declared_length_is_counted(self, client: TestClient) -> None:
        answer = client.post("/v1/corpora", content=_chunks(11), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    def test_a_body_at_the_limit_is_read(self, client: TestClient) -> None:
        content = b'{"name": "a"}'.ljust(1000)
        assert client.post("/v1/corpora", content=content, headers=JSON).status_code == 201

    def test_a_refusal_has_the_headers_of_every_answer(self, client: TestClient) -> None:
        answer = client.post("/v1/corpora", content=b" " * 1001, headers=JSON)
        assert answer.headers["X-Request-Id"] == answer.json()["request_id"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


class TestBodyLimit:
    @pytest.mark.parametrize(
        ("method", "path", "content_type", "expected"),
        [
            ("POST", "/v1/corpora", b"application/json", 1000),
            ("POST", "/v1/corpora", b"image/png", 1000),
            ("POST", "/v1/runs/1/search", b"application/json", 1000),
            ("POST", "/v1/runs/1/search", b"image/png", 16 * 1024 * 1024),
            ("PUT", "/v1/corpora/1/archive", b"image/png", None),
            ("POST", "/v1/corpora/1/archive", b"image/png", 1000),
        ],
    )
    def test_it_depends_on_what_the_operation_takes(
        self, settings: Settings, method: str, path: str, content_type: bytes, expected: int | None
    ) -> None:
        scope: Scope = {"type": "http", "method": method, "path": path, "headers": [(b"content-type", content_type)]}
        assert body_limit(settings, scope) == expected
