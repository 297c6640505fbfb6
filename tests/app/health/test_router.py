import pytest
from fastapi.testclient import TestClient

from app.core.models import WorkerHeartbeat
from app.core.settings import Settings
from app.main import create_app
from tests.factories import Committed

COMPONENTS = {"database", "storage", "migrations", "broker", "workers"}


class TestLivez:
    def test_it_needs_no_key(self, anonymous_client: TestClient) -> None:
        answer = anonymous_client.get("/livez")
        assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


class TestReadyz:
    def test_with_everything_it_is_ready(self, anonymous_client: TestClient, committed: Committed) -> None:
        with committed() as session:
            session.add(WorkerHeartbeat(id="host:1", queues="cpu,gpu"))
        answer = anonymous_client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")

    def test_without_a_worker_it_is_degraded_and_serves(self, anonymous_client: TestClient) -> None:
        answer = anonymous_client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")

    def test_it_names_every_component(self, anonymous_client: TestClient) -> None:
        components = anonymous_client.get("/readyz").json()["components"]
        assert set(components) == COMPONENTS
        assert components["workers"]["status"] == "failing"

    @pytest.mark.parametrize(
        ("setting", "url", "status_code", "status"),
        [
            ("database_url", "postgresql+psycopg://x@/x?host=/nowhere", 503, "unavailable"),
            ("broker_url", "redis+socket:///nowhere/redis.sock?virtual_host=0", 200, "degraded"),
        ],
    )
    def test_what_is_away_decides(
        self, settings: Settings, setting: str, url: str, status_code: int, status: str
    ) -> None:
        with TestClient(create_app(settings.model_copy(update={setting: url}))) as client:
            answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (status_code, status)

    def test_what_is_unavailable_says_when_to_ask_again(self, settings: Settings) -> None:
        nowhere = settings.model_copy(update={"database_url": "postgresql+psycopg://x@/x?host=/nowhere"})
        with TestClient(create_app(nowhere)) as client:
            assert client.get("/readyz").headers["Retry-After"] == "5"
