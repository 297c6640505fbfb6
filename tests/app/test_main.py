"""The application as a whole: starting, stopping, and what it does without a database."""

import uuid

import pytest
import redis
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.auth.key_text import generate_key
from app.auth.service import KeyContext
from app.core.models import JobKind
from app.core.repositories.jobs import add_job
from app.core.settings import Settings
from app.main import create_app
from app.resources import resources_of
from tests.factories import Committed


class TestCreateApp:
    def test_it_opens_nothing_before_it_is_started(self, settings: Settings) -> None:
        assert not hasattr(create_app(settings).state, "resources")

    def test_its_settings_come_from_the_environment_when_none_are_given(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.main.get_settings", lambda: settings)
        app = create_app()
        with TestClient(app) as client:
            assert client.get("/livez").status_code == 200
            assert resources_of(app).settings is settings

    def test_what_a_feature_opened_is_closed_at_shutdown(self, app: FastAPI) -> None:
        closed: list[str] = []
        with TestClient(app):
            resources_of(app).closing.callback(closed.append, "engine still open")
        assert closed == ["engine still open"]

    def test_it_serves_no_interactive_pages(self, client: TestClient) -> None:
        assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]

    def test_its_sweeper_wakes_a_job_that_nobody_was_told_about(
        self, settings: Settings, context: KeyContext, committed: Committed, broker: redis.Redis
    ) -> None:
        with committed() as session:
            add_job(session, workspace_id=context.workspace_id, kind=JobKind.RUN, subject_id=uuid.uuid4())
        with TestClient(create_app(settings.model_copy(update={"sweep_s": 0.02}))):
            assert broker.blpop(["gpu"], timeout=5) is not None


class TestWithoutDatabase:
    @pytest.fixture
    def client(self, settings: Settings) -> TestClient:
        nowhere = settings.model_copy(update={"database_url": "postgresql+psycopg://x@/x?host=/nowhere"})
        return TestClient(create_app(nowhere), headers={"Authorization": f"Bearer {generate_key().reveal()}"})

    def test_it_starts_and_lives(self, client: TestClient) -> None:
        with client:
            assert client.get("/livez").status_code == 200

    def test_a_request_is_told_to_try_again(self, client: TestClient) -> None:
        with client:
            answer = client.get("/v1/corpora")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")

    def test_the_answer_is_a_problem_that_shows_nothing_of_the_database(self, client: TestClient) -> None:
        with client:
            problem = client.get("/v1/corpora").json()
        assert problem["code"] == "database_unavailable"
        assert "nowhere" not in str(problem)
