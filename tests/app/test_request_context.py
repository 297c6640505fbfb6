import pytest
from fastapi.testclient import TestClient

from app.core.settings import Settings
from app.main import create_app


class TestRequestId:
    def test_every_answer_has_one_of_its_own(self, client: TestClient) -> None:
        ids = {client.get("/livez").headers["X-Request-Id"] for _ in range(3)}
        assert len(ids) == 3

    def test_a_plain_one_of_the_client_is_kept(self, client: TestClient) -> None:
        answer = client.get("/v1/nothing", headers={"X-Request-Id": "batch-7.1"})
        assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == "batch-7.1"

    @pytest.mark.parametrize("given", ["", "a b", "a" * 65, "<script>"])
    def test_another_one_is_replaced(self, client: TestClient, given: str) -> None:
        assert client.get("/livez", headers={"X-Request-Id": given}).headers["X-Request-Id"] != given


class TestSecurityHeaders:
    @pytest.mark.parametrize("path", ["/livez", "/v1/corpora", "/v1/nothing"])
    def test_every_answer_has_them(self, client: TestClient, path: str) -> None:
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"


class TestAllowedHosts:
    @pytest.fixture
    def client(self, settings: Settings) -> TestClient:
        return TestClient(create_app(settings.model_copy(update={"allowed_hosts": ("mispair.test", "[::1]")})))

    @pytest.mark.parametrize("host", ["mispair.test", "MISPAIR.test:8000", "[::1]", "[::1]:8000"])
    def test_an_allowed_host_is_served(self, client: TestClient, host: str) -> None:
        with client:
            assert client.get("/livez", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize("host", ["evil.test", "mispair.test.evil.test", "mispair.test:x", ""])
    def test_another_host_is_refused(self, client: TestClient, host: str) -> None:
        with client:
            answer = client.get("/livez", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_host")

    def test_by_default_every_host_is_served(self, anonymous_client: TestClient) -> None:
        assert anonymous_client.get("/livez", headers={"Host": "anything"}).status_code == 200
