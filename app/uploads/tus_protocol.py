"""What the tus protocol asks of every request and every answer below /v1/uploads."""

import http

from anyio import move_on_after
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.settings import MIB
from app.problems import app_error_response
from app.uploads.errors import VersionError
from app.uploads.tus_headers import VERSION

PREFIX = "/v1/uploads"
_OVERRIDE = "X-HTTP-Method-Override"
_METHODS_OF_ALL, _METHODS_OF_ONE = frozenset({"POST"}), frozenset({"HEAD", "PATCH", "DELETE"})
_OVERRIDABLE = _METHODS_OF_ALL | _METHODS_OF_ONE | {"GET", "OPTIONS"}
# A client that is still sending reads no answer. Closing at once would reset the connection under it, so that it
# would never learn what was wrong; one that does not stop is cut off all the same.
_MOST_DRAINED_BYTES, _MOST_DRAINED_S, _SILENT_S = 16 * MIB, 2.0, 0.3


class TusProtocol:
    """ASGI middleware: method override, version, and `Tus-Resumable` in every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_ours(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        override = headers.get(_OVERRIDE, "").upper()
        if override in _OVERRIDABLE:
            scope["method"] = override
        answer = _Answer(receive, send, expects_continue="expect" in headers)
        methods = _METHODS_OF_ALL if scope["path"] == PREFIX else _METHODS_OF_ONE
        if scope["method"] in methods and headers.get("Tus-Resumable") != VERSION:
            given = headers.get("Tus-Resumable", "none")[:40]
            error = VersionError(
                f"Tus-Resumable: {given!r}; this server speaks {VERSION}", headers={"Tus-Version": VERSION}
            )
            await app_error_response(error, scope["state"]["request_id"])(scope, receive, answer.send)
            return
        await self._app(scope, answer.receive, answer.send)


class _Answer:
    """Adds the header, and reads what is left of a refused body."""

    def __init__(self, receive: Receive, send: Send, *, expects_continue: bool) -> None:
        self._receive = receive
        self._send = send
        self._is_wanted = not expects_continue  # before the first read such a client has sent nothing
        self._is_ended = False

    async def receive(self) -> Message:
        self._is_wanted = True
        message = await self._receive()
        self._is_ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            if message["status"] >= http.HTTPStatus.BAD_REQUEST and self._is_wanted:
                await self._drain()
        await self._send(message)

    async def _drain(self) -> None:
        n_bytes = 0
        with move_on_after(_MOST_DRAINED_S):
            while not self._is_ended and n_bytes < _MOST_DRAINED_BYTES:
                with move_on_after(_SILENT_S) as patience:
                    n_bytes += len((await self.receive()).get("body", b""))
                if patience.cancelled_caught:
                    return


def _is_ours(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")
