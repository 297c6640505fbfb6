import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text

from app.auth.service import KeyContext
from app.core.models import Corpus, CorpusState
from app.dependencies import SessionDep, ValidCorpus
from tests.factories import Committed, add_corpus


class TestSessionDep:
    def test_it_has_committed_when_the_answer_arrives(
        self, app: FastAPI, client: TestClient, context: KeyContext, committed: Committed
    ) -> None:
        @app.post("/adds")
        def _adds(session: SessionDep) -> None:
            add_corpus(session, context.workspace_id)

        client.post("/adds")
        with committed() as session:
            assert session.execute(select(func.count()).select_from(Corpus)).scalar_one() == 1

    def test_an_error_rolls_back(
        self, app: FastAPI, client: TestClient, context: KeyContext, committed: Committed
    ) -> None:
        @app.post("/fails")
        def _fails(session: SessionDep) -> None:
            add_corpus(session, context.workspace_id)
            raise RuntimeError("late")

        client.post("/fails")
        with committed() as session:
            assert session.execute(select(func.count()).select_from(Corpus)).scalar_one() == 0

    def test_a_commit_that_fails_is_not_answered_as_a_success(self, app: FastAPI, client: TestClient) -> None:
        @app.post("/deferred")
        def _deferred(session: SessionDep) -> None:
            session.execute(text("CREATE TEMP TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"))
            session.execute(text("INSERT INTO t VALUES (1), (1)"))

        assert client.post("/deferred").status_code == 500


class TestValidCorpus:
    @pytest.fixture(autouse=True)
    def _endpoint(self, app: FastAPI) -> None:
        @app.get("/named/{corpus_id}")
        def _named(corpus: ValidCorpus) -> str:
            return corpus.name

    def test_it_is_the_corpus_of_the_path(self, client: TestClient, context: KeyContext, committed: Committed) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY, name="birds")
        assert client.get(f"/named/{corpus.id}").json() == "birds"

    def test_another_workspaces_reads_like_one_that_does_not_exist(
        self, client: TestClient, other_client: TestClient, context: KeyContext, committed: Committed
    ) -> None:
        with committed() as session:
            corpus_id = add_corpus(session, context.workspace_id).id
        foreign = other_client.get(f"/named/{corpus_id}", headers={"X-Request-Id": "r"})
        with committed() as session:
            session.delete(session.get_one(Corpus, corpus_id))
        gone = client.get(f"/named/{corpus_id}", headers={"X-Request-Id": "r"})
        assert foreign.status_code == 404
        assert (foreign.content, dict(foreign.headers)) == (gone.content, dict(gone.headers))
