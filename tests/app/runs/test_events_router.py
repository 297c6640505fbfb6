import json
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.auth.service import KeyContext
from app.core.models import CorpusState, JobKind, JobState
from app.core.repositories import jobs
from app.core.storage import Storage
from app.pagination import encode_cursor
from tests.app.runs.rows import add_event, add_run, end_job, store_corpus
from tests.factories import add_corpus

Committed = Callable[[], AbstractContextManager[Session]]
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def ended_run_id(committed: Committed, context: KeyContext, storage: Storage) -> uuid.UUID:
    """A run with the events queued, epoch and done."""
    with committed() as session:
        run = add_run(session, store_corpus(session, context.workspace_id, storage, [["a red thing"]]))
        add_event(session, run.job_id, "epoch", {"n_done": 1, "line": "one\ntwo"})
        end_job(session, run.job_id, JobState.DONE)
        return run.id


def _messages(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


class TestListRunEvents:
    def test_a_page_tells_events_oldest_first(self, client: TestClient, ended_run_id: uuid.UUID) -> None:
        url = f"/v1/runs/{ended_run_id}/events"
        first = client.get(url, params={"limit": 2}).json()
        second = client.get(url, params={"limit": 2, "cursor": first["next_cursor"]}).json()
        events = first["items"] + second["items"]
        assert [(event["seq"], event["kind"]) for event in events] == [(1, "queued"), (2, "epoch"), (3, "done")]
        assert events[1]["data"] == {"n_done": 1, "line": "one\ntwo"}

    def test_a_stream_gives_every_event_and_ends(self, client: TestClient, ended_run_id: uuid.UUID) -> None:
        response = client.get(f"/v1/runs/{ended_run_id}/events", headers=STREAM)
        messages = _messages(response.text)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert [(message["id"], message["event"]) for message in messages] == [
            ("1", "queued"),
            ("2", "epoch"),
            ("3", "done"),
        ]
        assert json.loads(messages[1]["data"])["data"] == {"n_done": 1, "line": "one\ntwo"}

    def test_a_stream_continues_after_the_last_event_id(self, client: TestClient, ended_run_id: uuid.UUID) -> None:
        response = client.get(f"/v1/runs/{ended_run_id}/events", headers={**STREAM, "Last-Event-ID": "2"})
        assert [message["id"] for message in _messages(response.text)] == ["3"]

    def test_a_browser_that_has_the_last_event_is_told_to_stop(
        self, client: TestClient, ended_run_id: uuid.UUID
    ) -> None:
        response = client.get(f"/v1/runs/{ended_run_id}/events", headers={**STREAM, "Last-Event-ID": "3"})
        assert (response.status_code, response.content) == (204, b"")

    @pytest.mark.parametrize("last", ["x", "-1", "99999999999999999999"])
    def test_a_last_event_id_that_is_no_number_of_an_event_is_refused(
        self, client: TestClient, ended_run_id: uuid.UUID, last: str
    ) -> None:
        response = client.get(f"/v1/runs/{ended_run_id}/events", headers={**STREAM, "Last-Event-ID": last})
        assert response.status_code == 422

    def test_a_page_after_the_largest_number_is_empty(self, client: TestClient, ended_run_id: uuid.UUID) -> None:
        params = {"cursor": encode_cursor(2**63 - 1)}
        response = client.get(f"/v1/runs/{ended_run_id}/events", params=params)
        assert response.json()["items"] == []

    @pytest.mark.parametrize("headers", [{}, STREAM])
    def test_another_workspaces_run_is_unknown(
        self, other_client: TestClient, ended_run_id: uuid.UUID, headers: dict[str, str]
    ) -> None:
        assert other_client.get(f"/v1/runs/{ended_run_id}/events", headers=headers).status_code == 404

    def test_a_stream_needs_a_key(self, anonymous_client: TestClient, ended_run_id: uuid.UUID) -> None:
        assert anonymous_client.get(f"/v1/runs/{ended_run_id}/events", headers=STREAM).status_code == 401


class TestListCorpusEvents:
    def test_it_tells_the_newest_import(self, client: TestClient, committed: Committed, context: KeyContext) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            job = jobs.add_job(session, workspace_id=context.workspace_id, kind=JobKind.IMPORT, subject_id=corpus.id)
            end_job(session, job.id, JobState.DONE)
        url = f"/v1/corpora/{corpus.id}/events"
        assert [event["kind"] for event in client.get(url).json()["items"]] == ["queued", "done"]
        assert [m["event"] for m in _messages(client.get(url, headers=STREAM).text)] == ["queued", "done"]

    def test_before_the_archive_there_is_no_import(
        self, client: TestClient, committed: Committed, context: KeyContext
    ) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id)
        problem = client.get(f"/v1/corpora/{corpus.id}/events")
        assert (problem.status_code, problem.json()["code"]) == (409, "no_import")

    def test_another_workspaces_corpus_is_unknown(
        self, other_client: TestClient, committed: Committed, context: KeyContext
    ) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id)
        assert other_client.get(f"/v1/corpora/{corpus.id}/events").status_code == 404
