"""The OpenAPI document: every error of every operation is in it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from app.problems import FieldError, Problem, problems

_REF = "#/components/schemas/{model}"
_SAFE_METHODS = frozenset({"get", "head"})
# What FastAPI documents for a malformed request; this service answers a Problem instead.
_REPLACED = ("HTTPValidationError", "ValidationError")

Json = dict[str, Any]  # Any: OpenAPI is JSON of many shapes


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` and `/openapi.json` give the completed document."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def operation_id(route: APIRoute) -> str:
    """An operation's id: the name of its function, which is unique over the service."""
    return route.name


def _complete(document: Json) -> Json:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _REPLACED:
        schemas.pop(name, None)
    _, definitions = models_json_schema([(Problem, "serialization"), (FieldError, "serialization")], ref_template=_REF)
    schemas.update(definitions["$defs"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _add_common_problems(operation, _common_statuses(path, method))
    return document


def _common_statuses(path: str, method: str) -> set[int]:
    """What every operation of its kind can answer, so that no router can forget it."""
    if not path.startswith("/v1/"):
        return {400, 500}
    needs_more_than_cookie = set() if method in _SAFE_METHODS else {403}
    return {400, 401, 413, 422, 500, 503} | needs_more_than_cookie


def _add_common_problems(operation: Json, statuses: set[int]) -> None:
    common = {str(status): response for status, response in problems(*statuses).items()}
    # FastAPI's own 422 has another schema.
    declared = {status: response for status, response in operation["responses"].items() if status != "422"}
    operation["responses"] = dict(sorted({**common, **declared}.items()))
