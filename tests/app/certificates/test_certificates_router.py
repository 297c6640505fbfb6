import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.auth.service import KeyContext
from app.core.models import Run
from app.core.storage import Storage
from tests.app.runs.rows import StoredCorpus, add_published_run, add_run, store_corpus

Committed = Callable[[], AbstractContextManager[Session]]

_CERTIFIED: dict[str, object] = {
    "verdict": "helps",
    "r_sum": {"raw": 90.0, "cleaned": 110.0, "random": 70.0},
    "refusal": None,
}
_REFUSAL = {"code": "nothing_flagged", "detail": "none of the 5 pairs is flagged"}
_FILES = {"certificate": b'{"verdict": "helps"}\n', "certificate.svg": b"<svg/>"}


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, [["a"], ["b"]])


def _published(committed: Committed, stored: StoredCorpus, certificate: dict[str, object] | None) -> Run:
    with committed() as session:
        return add_published_run(session, stored, [0.1, 0.9], summary={"certificate": certificate})


class TestReadingACertificate:
    def test_it_comes_as_it_was_written(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, storage: Storage
    ) -> None:
        run = _published(committed, stored, _CERTIFIED)
        for name, content in (("certificate.json", _FILES["certificate"]), ("certificate.svg", b"<svg/>")):
            with storage.writer(f"{run.artefact_prefix}/{name}") as file:
                file.write(content)
        certificate = client.get(f"/v1/runs/{run.id}/certificate")
        chart = client.get(f"/v1/runs/{run.id}/certificate.svg")
        assert (certificate.content, certificate.headers["content-type"]) == (_FILES["certificate"], "application/json")
        assert (chart.content, chart.headers["content-type"]) == (b"<svg/>", "image/svg+xml")
        assert client.get(f"/v1/runs/{run.id}").json()["summary"]["certificate"] == _CERTIFIED

    @pytest.mark.parametrize("name", list(_FILES))
    def test_a_run_that_was_not_asked_for_one_has_none(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, name: str
    ) -> None:
        run = _published(committed, stored, None)
        answer = client.get(f"/v1/runs/{run.id}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_certified")
        assert "certify=true" in answer.json()["detail"]

    @pytest.mark.parametrize("name", list(_FILES))
    def test_one_that_could_not_be_made_is_told_with_its_reason(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, name: str
    ) -> None:
        run = _published(committed, stored, {"verdict": None, "r_sum": None, "refusal": _REFUSAL})
        answer = client.get(f"/v1/runs/{run.id}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_certifiable")
        assert "(nothing_flagged): none of the 5 pairs is flagged" in answer.json()["detail"]

    def test_a_run_that_is_not_done_has_none_yet(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            run = add_run(session, stored)
        answer = client.get(f"/v1/runs/{run.id}/certificate")
        assert (answer.status_code, answer.json()["code"]) == (409, "report_not_ready")

    def test_a_run_that_does_not_exist(self, client: TestClient) -> None:
        assert client.get(f"/v1/runs/{uuid.uuid4()}/certificate").status_code == 404
