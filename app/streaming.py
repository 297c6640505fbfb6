"""Long answers: bytes that are made while they are sent, and closed when their reader goes away."""

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import final
from urllib.parse import quote

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


@final
class GeneratedResponse(StreamingResponse):
    """Streams a generator and closes it as soon as the answer ends, however it ends.

    The parent class leaves an unfinished generator to the garbage collector; ours holds a database cursor or a place
    in the event feed, so it must be closed when the client vanishes and not some time later.

    Args:
        chunks: bytes; a plain generator runs in the thread pool, one step at a time.
        media_type: content type of the whole.
        headers: further headers.
    """

    def __init__(
        self,
        chunks: Generator[bytes, None, None] | AsyncGenerator[bytes, None],
        *,
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._chunks = _in_threads(chunks) if isinstance(chunks, Generator) else chunks
        super().__init__(self._chunks, media_type=media_type, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._chunks.aclose()


def attachment(filename: str) -> str:
    """The Content-Disposition of a download under this name, which may hold any characters."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "_" for letter in filename)
    for letter in '"\\/%;':
        plain = plain.replace(letter, "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"


async def _in_threads(chunks: Generator[bytes, None, None]) -> AsyncGenerator[bytes, None]:
    try:
        while (chunk := await run_in_threadpool(next, chunks, None)) is not None:
            yield chunk
    finally:
        with CancelScope(shield=True):
            await run_in_threadpool(chunks.close)
