import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import redis
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.auth.service import KeyContext
from app.core.models import CorpusState, Job, JobEvent, JobState, Run
from app.core.storage import Storage
from tests.app.corpora.preflights import WARNED, preflight
from tests.app.runs.rows import StoredCorpus, add_published_run, add_run, end_job, store_corpus
from tests.factories import add_corpus, add_version

Committed = Callable[[], AbstractContextManager[Session]]


@pytest.fixture
def corpus_id(committed: Committed, context: KeyContext) -> uuid.UUID:
    """A ready corpus with as many pairs as a run needs."""
    with committed() as session:
        corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
        add_version(session, corpus, n_accepted=200)
        return corpus.id


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, [["a red thing"], ["a green thing"]])


def _start(client: TestClient, corpus_id: uuid.UUID, config: dict[str, Any] | None = None, **headers: str) -> Any:
    return client.post(f"/v1/corpora/{corpus_id}/runs", json={} if config is None else config, headers=headers)


class TestCreateRun:
    def test_a_run_is_queued_with_its_frozen_configuration(self, client: TestClient, corpus_id: uuid.UUID) -> None:
        response = _start(client, corpus_id, {"encoder": "toy", "round_epochs": [1, 2], "seed": 7})
        run = response.json()
        assert response.status_code == 202
        assert (run["state"], run["progress"], run["attempt"], run["summary"]) == ("queued", 0.0, 0, None)
        assert (run["config"]["encoder"], run["config"]["round_epochs"], run["config"]["seed"]) == ("toy", [1, 2], 7)
        assert client.get(f"/v1/runs/{run['id']}").json() == run

    def test_a_body_left_out_takes_the_defaults_and_names_the_encoder(
        self, client: TestClient, corpus_id: uuid.UUID
    ) -> None:
        config = client.post(f"/v1/corpora/{corpus_id}/runs").json()["config"]
        assert (config["encoder"], config["temperature"]) == ("offline", 0.05)

    def test_its_wake_up_is_sent(self, client: TestClient, corpus_id: uuid.UUID, broker: redis.Redis) -> None:
        _start(client, corpus_id)
        assert broker.llen("gpu") == 1

    def test_its_first_event_is_queued(self, client: TestClient, corpus_id: uuid.UUID) -> None:
        run = _start(client, corpus_id).json()
        events = client.get(f"/v1/runs/{run['id']}/events").json()["items"]
        assert [(event["seq"], event["kind"]) for event in events] == [(1, "queued")]

    def test_an_unknown_field_is_refused_by_name(self, client: TestClient, corpus_id: uuid.UUID) -> None:
        problem = _start(client, corpus_id, {"learning_rat": 1})
        assert (problem.status_code, problem.json()["errors"][0]["loc"]) == (422, ["body", "learning_rat"])

    def test_an_unknown_encoder_is_refused_with_the_known_ones(self, client: TestClient, corpus_id: uuid.UUID) -> None:
        problem = _start(client, corpus_id, {"encoder": "../etc"})
        assert (problem.status_code, problem.json()["code"]) == (422, "unknown_encoder")
        assert "offline, toy" in problem.json()["detail"]

    def test_a_run_of_regions_is_queued_with_the_defaults_that_follow_from_its_model_left_open(
        self, client: TestClient, corpus_id: uuid.UUID
    ) -> None:
        response = _start(client, corpus_id, {"model": "vse_infty", "encoder": "toy"})
        config = response.json()["config"]
        assert (response.status_code, config["model"], config["n_grid_regions"]) == (202, "vse_infty", 9)
        assert (config["joint_dim"], config["min_word_count"], config["word_dim"]) == (None, None, 300)

    def test_the_configuration_of_a_run_can_be_sent_again(self, client: TestClient, corpus_id: uuid.UUID) -> None:
        for model in ("heads", "vse_infty"):
            config = _start(client, corpus_id, {"model": model}).json()["config"]
            assert _start(client, corpus_id, config).json()["config"] == config

    @pytest.mark.parametrize(
        ("config", "loc", "code", "told"),
        [
            ({"model": "saf"}, "model", "model_not_served", "`mispair bench paper` only"),
            ({"model": "sgraf"}, "model", "model_not_served", "'heads' or 'vse_infty'"),
            ({"model": "gpt"}, "model", "literal_error", "'heads' or 'vse_infty'"),
            ({"n_grid_regions": 16}, "n_grid_regions", "not_of_this_model", "'vse_infty'"),
            ({"model": "vse_infty", "n_grid_regions": 10}, "n_grid_regions", "not_square", "9 and 16"),
            ({"model": "vse_infty", "dropout": 0.3}, "dropout", "not_of_this_model", "has no dropout"),
            ({"model": "vse_infty", "joint_dim": 33}, "joint_dim", "not_even", "33 is odd"),
        ],
    )
    def test_settings_that_do_not_go_together_are_refused_by_name(
        self, client: TestClient, corpus_id: uuid.UUID, config: dict[str, Any], loc: str, code: str, told: str
    ) -> None:
        problem = _start(client, corpus_id, config)
        error = problem.json()["errors"][0]
        assert (problem.status_code, error["loc"], error["code"]) == (422, ["body", loc], code)
        assert told in error["detail"]

    def test_a_grid_that_the_encoder_does_not_have_is_refused(self, client: TestClient, corpus_id: uuid.UUID) -> None:
        problem = _start(client, corpus_id, {"model": "vse_infty", "encoder": "toy", "n_grid_regions": 25})
        assert (problem.status_code, problem.json()["code"]) == (422, "regions_unsupported")
        assert "1, 4, 9, 16" in problem.json()["detail"]

    @pytest.mark.parametrize("state", [state for state in CorpusState if state is not CorpusState.READY])
    def test_a_corpus_that_is_not_ready_is_refused(
        self, client: TestClient, committed: Committed, context: KeyContext, state: CorpusState
    ) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, state)
        problem = _start(client, corpus.id)
        assert (problem.status_code, problem.json()["code"]) == (409, "corpus_not_ready")

    def test_too_few_pairs_are_refused_with_both_numbers(
        self, client: TestClient, committed: Committed, context: KeyContext
    ) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            add_version(session, corpus, n_accepted=199)
        problem = _start(client, corpus.id)
        assert (problem.status_code, problem.json()["code"]) == (409, "too_few_pairs")
        assert "199 accepted pairs; a run needs at least 200" in problem.json()["detail"]

    def test_warnings_of_the_preflight_have_to_be_confirmed(
        self, client: TestClient, committed: Committed, context: KeyContext
    ) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            add_version(session, corpus, n_accepted=200).preflight = preflight(**WARNED)
        problem = _start(client, corpus.id)
        assert (problem.status_code, problem.json()["code"]) == (409, "preflight_unconfirmed")
        assert "only 2 of 4 rows found their image" in problem.json()["detail"]
        started = _start(client, corpus.id, {"confirm_warnings": True})
        assert started.status_code == 202
        assert "confirm_warnings" not in started.json()["config"]

    def test_the_newest_version_is_cleaned(self, client: TestClient, committed: Committed, context: KeyContext) -> None:
        with committed() as session:
            corpus = add_corpus(session, context.workspace_id, CorpusState.READY)
            newest = add_version(session, corpus, number=2, n_accepted=300)
            add_version(session, corpus, number=1, n_accepted=200)
        assert _start(client, corpus.id).json()["corpus_version_id"] == str(newest.id)

    def test_the_same_idempotency_key_gives_the_same_run(
        self, client: TestClient, corpus_id: uuid.UUID, committed: Committed, broker: redis.Redis
    ) -> None:
        runs = [_start(client, corpus_id, {"seed": 1}, **{"Idempotency-Key": "once"}).json()["id"] for _ in range(2)]
        with committed() as session:
            n_runs = session.execute(select(func.count()).select_from(Run)).scalar_one()
        assert (runs[0] == runs[1], n_runs, broker.llen("gpu")) == (True, 1, 1)

    def test_an_idempotency_key_with_another_configuration_is_refused(
        self, client: TestClient, corpus_id: uuid.UUID
    ) -> None:
        _start(client, corpus_id, {"seed": 1}, **{"Idempotency-Key": "once"})
        problem = _start(client, corpus_id, {"seed": 2}, **{"Idempotency-Key": "once"})
        assert (problem.status_code, problem.json()["code"]) == (422, "idempotency_key_reused")

    def test_another_workspaces_corpus_is_unknown(self, other_client: TestClient, corpus_id: uuid.UUID) -> None:
        assert _start(other_client, corpus_id).status_code == 404


class TestListRuns:
    def test_pages_go_from_the_newest_to_the_oldest(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            ids = [str(add_run(session, stored).id) for _ in range(3)]
        url = f"/v1/corpora/{stored.corpus.id}/runs"
        first = client.get(url, params={"limit": 2}).json()
        second = client.get(url, params={"limit": 2, "cursor": first["next_cursor"]}).json()
        assert [run["id"] for run in first["items"] + second["items"]] == ids[::-1]
        assert second["next_cursor"] is None

    def test_another_workspaces_runs_are_unknown(self, other_client: TestClient, corpus_id: uuid.UUID) -> None:
        assert other_client.get(f"/v1/corpora/{corpus_id}/runs").status_code == 404


class TestGetRun:
    def test_a_failed_run_tells_why(self, client: TestClient, committed: Committed, stored: StoredCorpus) -> None:
        with committed() as session:
            run = add_run(session, stored)
            job = session.get_one(Job, run.job_id)
            job.state, job.error = JobState.FAILED, {"code": "diverged", "detail": "the loss is not finite"}
        view = client.get(f"/v1/runs/{run.id}").json()
        assert (view["state"], view["error"]["code"]) == ("failed", "diverged")

    def test_a_done_run_has_its_summary(self, client: TestClient, committed: Committed, stored: StoredCorpus) -> None:
        with committed() as session:
            run = add_published_run(session, stored, [0.25, 0.75])
        summary = client.get(f"/v1/runs/{run.id}").json()["summary"]
        assert (summary["n_pairs"], summary["n_flagged"], summary["is_calibrated"]) == (2, 1, False)

    def test_no_run_and_another_workspaces_run_read_the_same(
        self, other_client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            run = add_run(session, stored)
        nowhere = uuid.uuid4()
        theirs, none = other_client.get(f"/v1/runs/{run.id}"), other_client.get(f"/v1/runs/{nowhere}")
        assert theirs.status_code == none.status_code == 404
        assert theirs.json()["detail"].replace(str(run.id), "") == none.json()["detail"].replace(str(nowhere), "")


class TestCancelRun:
    def test_a_queued_run_ends_at_once_and_stays_cancelled(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            run = add_run(session, stored)
        answers = [client.post(f"/v1/runs/{run.id}/cancel") for _ in range(2)]
        assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(202, "cancelled")] * 2
        assert answers[1].json()["finished_at"] is not None
        with committed() as session:
            kinds = session.execute(select(JobEvent.kind).order_by(JobEvent.seq)).scalars().all()
        assert kinds == ["queued", "cancelled"]

    def test_a_running_run_is_asked_to_stop(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            run = add_run(session, stored)
            session.get_one(Job, run.job_id).state = JobState.RUNNING
        assert client.post(f"/v1/runs/{run.id}/cancel").json()["state"] == "cancelling"
        with committed() as session:
            assert session.get_one(Job, run.job_id).cancel_requested

    @pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED])
    def test_a_run_that_ended_cannot_be_cancelled(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, state: JobState
    ) -> None:
        with committed() as session:
            run = add_run(session, stored)
            end_job(session, run.job_id, state)
        problem = client.post(f"/v1/runs/{run.id}/cancel")
        assert (problem.status_code, problem.json()["code"]) == (409, "run_ended")

    def test_another_workspaces_run_is_unknown_and_goes_on(
        self, other_client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            run = add_run(session, stored)
        assert other_client.post(f"/v1/runs/{run.id}/cancel").status_code == 404
        with committed() as session:
            assert session.get_one(Job, run.job_id).state == JobState.QUEUED
