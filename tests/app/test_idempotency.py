"""The Idempotency-Key header, on the operation that makes corpora."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select

from app.core.models import ApiKey, Corpus, IdempotencyRecord
from tests.factories import Committed


def _create(client: TestClient, key: str | None = "k", name: str = "birds") -> Response:
    return client.post("/v1/corpora", json={"name": name}, headers={} if key is None else {"Idempotency-Key": key})


def _n_corpora(committed: Committed) -> int:
    with committed() as session:
        return session.execute(select(func.count()).select_from(Corpus)).scalar_one()


class TestIdempotencyKey:
    def test_the_same_request_gets_the_same_object(self, client: TestClient) -> None:
        assert _create(client).json() == _create(client).json()

    def test_the_second_answer_has_the_same_status(self, client: TestClient) -> None:
        assert [_create(client).status_code for _ in range(2)] == [201, 201]

    def test_spelling_makes_no_difference(self, client: TestClient) -> None:
        assert _create(client, name="birds").json() == _create(client, name=" birds ").json()

    def test_another_payload_is_refused(self, client: TestClient) -> None:
        _create(client)
        answer = _create(client, name="fish")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    def test_another_operation_is_refused(self, client: TestClient) -> None:
        _create(client)
        answer = client.post("/v1/keys", json={"name": "birds"}, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    def test_without_it_every_request_makes_an_object(self, client: TestClient) -> None:
        assert _create(client, key=None).json()["id"] != _create(client, key=None).json()["id"]

    def test_another_workspace_may_use_the_same_word(self, client: TestClient, other_client: TestClient) -> None:
        assert _create(client).json()["id"] != _create(other_client).json()["id"]

    def test_a_request_that_failed_leaves_it_free(self, client: TestClient) -> None:
        _create(client, name="")
        assert _create(client).status_code == 201

    @pytest.mark.parametrize("key", ["", "a b", "é".encode(), "k" * 256])
    def test_a_malformed_one_is_refused(self, client: TestClient, key: str | bytes) -> None:
        headers = [(b"Idempotency-Key", key if isinstance(key, bytes) else key.encode())]
        assert client.post("/v1/corpora", json={"name": "a"}, headers=headers).status_code == 422

    def test_parallel_requests_make_one_object(self, client: TestClient, committed: Committed) -> None:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: _create(client), range(8)))
        assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
        assert _n_corpora(committed) == 1

    def test_a_new_key_is_not_shown_again(self, client: TestClient) -> None:
        first, second = (
            client.post("/v1/keys", json={"name": "ci"}, headers={"Idempotency-Key": "k"}).json() for _ in range(2)
        )
        assert second == {**first, "key": None}

    def test_the_secret_of_a_new_key_is_not_kept(self, client: TestClient, committed: Committed) -> None:
        client.post("/v1/keys", json={"name": "ci"}, headers={"Idempotency-Key": "k"})
        with committed() as session:
            assert "key" not in session.execute(select(IdempotencyRecord.body)).scalar_one()
            assert session.execute(select(func.count()).select_from(ApiKey)).scalar_one() == 2
