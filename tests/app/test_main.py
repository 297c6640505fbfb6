"""The application as a whole: what every answer has, whatever the route."""

from fastapi.testclient import TestClient


class TestErrors:
    def test_an_unknown_route_is_a_problem(self, client: TestClient) -> None:
        answer = client.get("/v1/nothing")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "no_such_route"

    def test_making_a_corpus(self, client: TestClient) -> None:
        answer = client.post("/v1/corpora", json={"name": "a"})
        assert answer.status_code == 201, answer.text
