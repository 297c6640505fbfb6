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
            if path.startswith("/v1/"):
                _add_common_problems(method, operation)
    return document


def _add_common_problems(method: str, operation: Json) -> None:
    """Add what every operation of the API can answer, so that no router can forget it."""
    statuses = {401, 422, 500, 503}
    if method not in _SAFE_METHODS:
        statuses |= {403, 413}
    responses = operation["responses"]
    common = {str(status): response for status, response in problems(*statuses).items()}
    declared = {status: response for status, response in responses.items() if status != "422"}
    operation["responses"] = dict(sorted({**common, **declared}.items()))
