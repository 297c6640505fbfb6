"""The OpenAPI document says everything that can come back."""

import http
import re
from collections import Counter
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.core.settings import Settings
from app.main import create_app

_DOCUMENT_APP = create_app(Settings(database_url="postgresql://", broker_url="redis://", storage_url="file:///x"))
DOCUMENT: dict[str, Any] = _DOCUMENT_APP.openapi()  # Any: OpenAPI JSON
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
GUARDED = {name: operation for name, operation in OPERATIONS.items() if " /v1/" in name}
HEALTH = {"GET /livez", "GET /readyz"}
PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

each_operation = pytest.mark.parametrize("name", sorted(OPERATIONS))
each_guarded = pytest.mark.parametrize("name", sorted(GUARDED))


class TestDocument:
    def test_it_is_served(self, anonymous_client: TestClient) -> None:
        assert anonymous_client.get("/openapi.json").json() == DOCUMENT

    def test_only_health_needs_no_key(self) -> None:
        assert set(OPERATIONS) - set(GUARDED) == HEALTH

    def test_operation_ids_are_unique(self) -> None:
        counts = Counter(operation["operationId"] for operation in OPERATIONS.values())
        assert [name for name, count in counts.items() if count > 1] == []

    def test_every_reference_leads_somewhere(self) -> None:
        names = set(re.findall(r"#/components/schemas/([\w.-]+)", str(DOCUMENT)))
        assert names - set(DOCUMENT["components"]["schemas"]) == set()

    def test_the_problem_schema_has_every_member(self) -> None:
        members = {"type", "title", "status", "code", "detail", "errors", "request_id", "left"}
        assert set(DOCUMENT["components"]["schemas"]["Problem"]["properties"]) == members

    def test_it_is_made_once(self, app: FastAPI) -> None:
        assert app.openapi() is app.openapi()


class TestOperation:
    @each_operation
    def test_it_says_what_it_does(self, name: str) -> None:
        assert OPERATIONS[name]["description"].endswith(".")

    @each_operation
    def test_its_errors_are_problems(self, name: str) -> None:
        errors = {
            status: response["content"]
            for status, response in OPERATIONS[name]["responses"].items()
            if int(status) >= http.HTTPStatus.BAD_REQUEST
        }
        errors.pop("503" if name == "GET /readyz" else "", None)  # it has a body of its own
        assert all(content == PROBLEM_CONTENT for content in errors.values())

    @each_guarded
    def test_it_can_refuse_a_host_a_key_and_a_payload_and_fail(self, name: str) -> None:
        assert set(GUARDED[name]["responses"]) >= {"400", "401", "413", "422", "500", "503"}

    @each_guarded
    def test_it_names_how_to_authenticate(self, name: str) -> None:
        schemes = {scheme for way in GUARDED[name]["security"] for scheme in way}
        assert {"key"} <= schemes <= {"key", "session"}

    @each_guarded
    def test_one_that_names_an_object_can_miss_it(self, name: str) -> None:
        assert "{" not in name or "404" in GUARDED[name]["responses"]

    @each_guarded
    def test_one_that_changes_something_can_refuse_a_cookie(self, name: str) -> None:
        assert name.startswith(("GET ", "HEAD ")) or "403" in GUARDED[name]["responses"]

    @each_guarded
    def test_without_a_key_it_refuses(self, name: str, anonymous_client: TestClient) -> None:
        method, path = name.split(" ")
        path = re.sub(r"{\w+}", "0190a6e2-0000-7000-8000-000000000000", path)
        body = None if method in ("GET", "DELETE") else {"name": "x", "text": "x"}
        headers = {"Tus-Resumable": "1.0.0"}  # of uploads the first thing to be asked for
        answer = anonymous_client.request(method, path, json=body, headers=headers)
        assert answer.status_code == http.HTTPStatus.UNAUTHORIZED
        assert answer.headers["content-type"] == "application/problem+json"
