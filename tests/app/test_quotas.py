import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.auth.service import KeyContext
from app.core.models import Corpus, Job, JobState
from app.core.settings import Settings
from app.core.storage import Storage
from tests.app.corpora.archives import zip_bytes
from tests.app.runs.rows import add_run, store_corpus
from tests.app.uploads.tus import VERSION, create, created, patch
from tests.factories import Committed

ZIP = zip_bytes(3)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"max_workspace_bytes": 2 * len(ZIP) + 5, "max_workspace_uploads": 2, "max_workspace_runs": 2}
    )


def _put(client: TestClient) -> int:
    corpus_id = client.post("/v1/corpora", json={"name": "birds"}).json()["id"]
    return client.put(f"/v1/corpora/{corpus_id}/archive", content=ZIP).status_code


class TestBytes:
    def test_a_reservation_that_does_not_fit_says_what_is_left(self, client: TestClient) -> None:
        created(client)
        refused = create(client, len(ZIP) + 6).json()
        assert (refused["status"], refused["code"], refused["left"]) == (413, "byte_quota", {"bytes": len(ZIP) + 5})

    def test_archives_count_whichever_way_they_came(self, client: TestClient) -> None:
        assert _put(client) == 202
        patch(client, created(client), ZIP)
        assert create(client, 6).status_code == 413
        assert create(client, 5).status_code == 201

    def test_a_single_put_counts_reservations(self, client: TestClient) -> None:
        path = created(client, len(ZIP) + 6)
        assert _put(client) == 413
        client.delete(path, headers=VERSION)
        assert _put(client) == 202

    def test_a_put_without_a_declared_length_is_counted_at_its_end(self, client: TestClient) -> None:
        created(client, len(ZIP) + 6)
        corpus_id = client.post("/v1/corpora", json={"name": "birds"}).json()["id"]
        answer = client.put(f"/v1/corpora/{corpus_id}/archive", content=iter([ZIP]))
        assert (answer.status_code, answer.json()["left"]) == (413, {"bytes": len(ZIP) - 1})
        assert client.get(f"/v1/corpora/{corpus_id}").json()["state"] == "uploading"

    def test_an_archive_whose_import_failed_counts_no_more(self, client: TestClient, committed: Committed) -> None:
        assert _put(client) == 202
        assert create(client, len(ZIP) + 6).status_code == 413
        with committed() as session:
            session.execute(update(Corpus).values(archive_key=None))
        assert create(client, 2 * len(ZIP) + 5).status_code == 201

    def test_another_workspace_has_its_own(self, client: TestClient, other_client: TestClient) -> None:
        created(client, 2 * len(ZIP))
        assert create(other_client, 2 * len(ZIP)).status_code == 201


class TestUploads:
    def test_one_too_many_is_told_to_wait(self, client: TestClient) -> None:
        created(client, 10)
        created(client, 10)
        refused = create(client, 10)
        assert (refused.status_code, refused.json()["code"], refused.json()["left"]) == (
            429,
            "upload_quota",
            {"uploads": 0},
        )
        assert int(refused.headers["Retry-After"]) > 0

    def test_a_finished_one_makes_room(self, client: TestClient) -> None:
        path = created(client)
        created(client, 10)
        patch(client, path, ZIP)
        assert create(client, 10).status_code == 201


class TestRuns:
    def test_one_too_many_is_told_to_wait(
        self, client: TestClient, committed: Committed, context: KeyContext, storage: Storage
    ) -> None:
        with committed() as session:
            stored = store_corpus(session, context.workspace_id, storage, [["a"], ["b"]], n_accepted=500)
            for state in (JobState.RUNNING, JobState.DONE):
                session.get_one(Job, add_run(session, stored).job_id).state = state
        answers = [client.post(f"/v1/corpora/{stored.corpus.id}/runs", json={"encoder": "toy"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 429]
        refused = answers[1].json()
        assert (refused["code"], refused["left"]) == ("run_quota", {"runs": 0})
        assert int(answers[1].headers["Retry-After"]) > 0
