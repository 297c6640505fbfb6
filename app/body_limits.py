"""Refuses bodies that are too large, before they are read where the client says how long they are."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import TooLargeError
from app.core.settings import Settings
from app.problems import app_error_response


def body_limit(settings: Settings, scope: Scope) -> int | None:
    """How many bytes the body of a request may have; None where the operation counts for itself."""
    path: str = scope["path"]
    if scope["method"] == "PUT" and path.endswith("/archive"):
        return None
    if scope["method"] in ("PATCH", "POST") and (path == "/v1/uploads" or path.startswith("/v1/uploads/")):
        return None
    if scope["method"] == "POST" and path.endswith("/search"):
        is_image = Headers(scope=scope).get("content-type", "").lower().startswith("image/")
        return settings.max_query_image_bytes if is_image else settings.max_json_bytes
    return settings.max_json_bytes


class BodyLimits:
    """ASGI middleware that holds every request to `body_limit`."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = body_limit(self._settings, scope) if scope["type"] == "http" else None
        if limit is None:
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared) > limit:
            error = TooLargeError(f"body: {int(declared)} bytes, at most {limit} are allowed here")
            await app_error_response(error, scope["state"]["request_id"])(scope, receive, send)
            return
        await self._app(scope, _Counted(receive, limit).receive, send)


class _Counted:
    """Counts what a client without (or with a false) Content-Length sends."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._n_bytes = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._n_bytes += len(message.get("body", b""))
        if self._n_bytes > self._limit:
            # FastAPI turns any other class that is raised while it reads a body into a 400.
            raise HTTPException(413, f"body: more than the {self._limit} bytes that are allowed here")
        return message
