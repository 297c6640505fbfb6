"""Errors as `application/problem+json`, whatever raised them."""

import http
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from app.core.errors import AppError, InvalidPayloadError, UnavailableError

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:mispair:problem:"
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_CODES = {
    404: "no_such_route",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_type",
}


class FieldError(BaseModel):
    """What is wrong with one part of a request."""

    loc: list[str | int]
    code: str
    detail: str


class Problem(BaseModel):
    """An error that its reader can act on (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] = []
    request_id: str | None = None
    left: dict[str, int] | None = Field(default=None, description="what a quota still leaves, where that is why")


class ProblemResponse(Response):
    """A problem as the answer to a request."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        unset = {"left"} if problem.left is None else None
        super().__init__(problem.model_dump_json(exclude=unset), status_code=problem.status, headers=headers)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:  # Any: OpenAPI JSON, FastAPI's type
    """The `responses` of an operation that answers these statuses with a problem.

    What every operation can answer (400, 401, 413, 422, 500, 503, and 403 where it applies) is added to the OpenAPI
    document by `app.openapi`; name only what this operation adds.
    """
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": http.HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted(statuses)
    }


def problem_response(
    request_id: str | None,
    *,
    status: int,
    code: str,
    detail: str,
    title: str | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    left: Mapping[str, int] | None = None,
) -> ProblemResponse:
    """Build the answer for an error."""
    problem = Problem(
        type=_TYPE_PREFIX + code,
        title=title or http.HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        errors=list(errors),
        request_id=request_id,
        left=None if left is None else dict(left),
    )
    return ProblemResponse(problem, headers)


def app_error_response(error: AppError, request_id: str | None) -> ProblemResponse:
    """The answer for one of our own errors."""
    return problem_response(
        request_id,
        status=error.status,
        code=error.code,
        detail=error.detail,
        title=error.title,
        headers=error.headers,
        left=error.left,
    )


def internal_error_response(request_id: str | None) -> ProblemResponse:
    """The answer for a fault of ours. It tells nothing but the id under which the log has the rest."""
    return app_error_response(
        AppError(f"an unexpected error; the log has it under request id {request_id}"), request_id
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every kind of error as a problem. What none of these handles is caught by `RequestContext`."""
    app.exception_handler(AppError)(_on_app_error)
    app.exception_handler(RequestValidationError)(_on_validation_error)
    app.exception_handler(HTTPException)(_on_http_error)
    # The classes are named one by one because other database errors (a broken constraint) are faults of ours.
    for kind in (OperationalError, InterfaceError, PoolTimeoutError):
        app.exception_handler(kind)(_on_database_away)


async def _on_app_error(request: Request, error: AppError) -> Response:
    if error.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.refused", code=error.code, detail=error.detail)
    return app_error_response(error, request_id_of(request))


async def _on_validation_error(request: Request, error: RequestValidationError) -> Response:
    errors = [FieldError(loc=list(e["loc"]), code=e["type"], detail=e["msg"]) for e in error.errors()]
    first = errors[0]
    where = ".".join(str(part) for part in first.loc)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return problem_response(
        request_id_of(request),
        status=422,
        code="invalid_payload",
        title="Invalid payload",
        detail=f"{where}: {first.detail}{more}",
        errors=errors,
    )


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == http.HTTPStatus.BAD_REQUEST:
        # FastAPI says 400 of JSON that is nested too deeply or has a number that is too long; here that is a payload
        # like any other that cannot be read.
        return app_error_response(InvalidPayloadError("body: cannot be read as JSON"), request_id_of(request))
    detail, headers = error.detail, error.headers
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods_here(request))}
    if error.status_code in (404, 405):
        detail = f"{request.method} {request.url.path}: {error.detail}"
    return problem_response(
        request_id_of(request),
        status=error.status_code,
        code=_CODES.get(error.status_code, "http_error"),
        detail=detail,
        headers=headers,
    )


def _methods_here(request: Request) -> list[str]:
    """What the path can be asked with. The router names only the methods of the first route that has the path."""
    asked = dict(request.scope)
    methods = set()
    for method in _METHODS:
        asked["method"] = method
        if any(route.matches(asked)[0] is Match.FULL for route in request.app.routes):
            methods.add(method)
    return sorted(methods)


async def _on_database_away(request: Request, error: Exception) -> Response:
    cause = error.orig if isinstance(error, DBAPIError) else error
    log.warning("database.away", error=str(cause))
    return app_error_response(
        UnavailableError("the database does not answer; try again", code="database_unavailable"),
        request_id_of(request),
    )


def request_id_of(request: Request) -> str | None:
    """The id that `RequestContext` gave this request."""
    request_id: str | None = request.scope.get("state", {}).get("request_id")
    return request_id
