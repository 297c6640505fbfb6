"""The outermost middleware: request id, security headers, allowed hosts, and an answer to whatever nobody handled."""

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import AppError
from app.problems import app_error_response, internal_error_response

log = structlog.get_logger()

REQUEST_ID_HEADER = "X-Request-Id"
_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A page or a download may set its own; these stand where an answer says nothing.
_DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class InvalidHostError(AppError):
    """The Host header names a host that the operator did not allow, as in DNS rebinding."""

    status = 400
    code = "invalid_host"
    title = "Invalid host"


class RequestContext:
    """ASGI middleware around everything else.

    A client's own `X-Request-Id` is kept when it is short and plain, so that its logs and ours can be joined.

    Args:
        app: the application.
        allowed_hosts: names that a Host header may bear; `*` allows every one.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: tuple[str, ...]) -> None:
        self._app = app
        self._allowed_hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        # A fresh dict: the one in the scope is shared by all requests of the process.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        answer = _Answer(send, request_id)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            started_at = time.perf_counter()
            try:
                self._check_host(headers)
                await self._app(scope, receive, answer.send)
            except ClientDisconnect:
                log.info("request.broken_off", method=scope["method"], path=scope["path"])
                return
            except InvalidHostError as error:
                await answer.give(app_error_response(error, request_id), scope, receive)
            except Exception:
                log.exception("request.failed", method=scope["method"], path=scope["path"])
                if answer.status is not None:
                    raise  # Half an answer is on its way; the server must cut the connection.
                await answer.give(internal_error_response(request_id), scope, receive)
            log.info(
                "request.finished",
                method=scope["method"],
                path=scope["path"],
                status=answer.status,
                duration_s=round(time.perf_counter() - started_at, 4),
            )

    def _check_host(self, headers: Headers) -> None:
        if "*" in self._allowed_hosts:
            return
        host = headers.get("host", "")
        name = host.lower() if host.endswith("]") else re.sub(r":\d*$", "", host.lower())
        if name not in self._allowed_hosts:
            raise InvalidHostError(f"Host: {host!r} is not one of the hosts that this service answers to")


class _Answer:
    """Adds the headers, and remembers whether an answer has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self._request_id
            for name, value in _DEFAULT_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def give(self, response: Response, scope: Scope, receive: Receive) -> None:
        await response(scope, receive, self.send)


def _request_id(headers: Headers) -> str:
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if _CLIENT_ID.fullmatch(given) else uuid.uuid4().hex
