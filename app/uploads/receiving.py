"""Takes the body of a request into an upload, in steps of bounded size; what came before a cut is kept."""

import asyncio
import hashlib
import time
from functools import partial

from anyio import CancelScope
from starlette.requests import ClientDisconnect

from app.core.errors import UnavailableError
from app.corpora.service import HEAD_BYTES, early_archive_kind
from app.uploads.body import Body
from app.uploads.errors import ChecksumError
from app.uploads.shared import SharedUploads
from app.uploads.storing import Hold, Steps
from app.uploads.tus_headers import Checksum

_STEP_S = 1.0  # the longest that a byte waits for others before it is stored


class StalledError(UnavailableError):
    """The client is there and sends nothing; what came is stored."""

    code = "body_stalled"


class PieceReceiver:
    """One body.

    While one step is hashed and written in a thread the next one comes. With a checksum nothing counts until all has
    come and was right.

    Args:
        shared: of this process.
        hold: the upload.
        steps: what stores its bytes.
        head: the upload's first bytes, as far as they are stored and its kind is unknown.
        checksum: of this body, where the client gave one.
        idle_s: how long a client may send nothing.
    """

    def __init__(
        self,
        shared: SharedUploads,
        hold: Hold,
        steps: Steps,
        *,
        head: bytes = b"",
        checksum: Checksum | None = None,
        idle_s: float,
    ) -> None:
        self._shared = shared
        self._hold = hold
        self._steps = steps
        self._head = bytearray(head)
        self._kind = hold.archive_kind
        self._checksum = checksum
        self._body_digest = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._digest = shared.digests.take(hold.upload_id, hold.n_stored)
        self._idle_s = idle_s
        self._buffer = bytearray()
        self._buffered_at = 0.0
        self._n_received = hold.n_stored
        self._n_written = hold.n_stored
        self._going: asyncio.Task[None] | None = None

    async def receive(self, body: Body) -> bytes | None:
        """Store the body, but nothing beyond the upload's length.

        Returns:
            The SHA-256 of the whole upload, where this request stored its end and this process has hashed all of it.

        Raises:
            UnsupportedTypeError: the first bytes are not an archive's; raised before the rest is read.
            ChecksumError: the body is not what its checksum says; nothing of it counts.
            ClientDisconnect, StalledError: no more came; what did is stored.
            TakenOverError, NotFoundError: the upload is another request's now, or gone.
            UnavailableError: the storage is full or away.
        """
        with self._shared.receiving():
            try:
                await self._gather(body)
            except (ClientDisconnect, StalledError, asyncio.CancelledError):
                if self._checksum is None:
                    with CancelScope(shield=True):
                        await self._store_last()
                raise
            except BaseException:
                await self._wait()
                raise
            await self._store_last()
        # Of a part it would be no use, and the upload may be complete by another request when this one looks.
        is_whole = self._n_written == self._hold.n_bytes
        return self._digest.digest() if self._digest is not None and is_whole else None

    async def _gather(self, body: Body) -> None:
        heard_at = time.monotonic()
        while self._n_received < self._hold.n_bytes and not body.is_ended:
            chunk = await body.read(self._patience_s(heard_at))
            now = time.monotonic()
            if chunk:
                heard_at = now
                self._take(chunk[: self._hold.n_bytes - self._n_received], now)
            elif now - heard_at >= self._idle_s:
                raise StalledError(
                    f"upload {self._hold.upload_id}: nothing came for {self._idle_s:g} s; go on from its offset"
                )
            if len(self._buffer) >= self._shared.step_bytes:
                await self._begin_step()
            elif self._buffer and now - self._buffered_at >= _STEP_S:
                await self._begin_step()
                await self._wait()  # a slow client may be one that lost the upload; it should hear of it

    def _patience_s(self, heard_at: float) -> float:
        now = time.monotonic()
        patience_s = heard_at + self._idle_s - now
        return min(patience_s, self._buffered_at + _STEP_S - now) if self._buffer else patience_s

    def _take(self, chunk: bytes, now: float) -> None:
        if not self._buffer:
            self._buffered_at = now
        self._buffer += chunk
        self._n_received += len(chunk)
        if self._kind is None and len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
            if self._checksum is None:  # else these bytes may be damaged
                self._kind = early_archive_kind(bytes(self._head))

    async def _begin_step(self, *, is_last: bool = False) -> None:
        await self._wait()
        data, self._buffer = self._buffer, bytearray()
        store = partial(self._store, data, is_last=is_last)
        self._going = asyncio.create_task(self._shared.in_step(store))

    async def _wait(self) -> None:
        """Wait for the step that is under way. It goes on to its end even when this request is cancelled."""
        going = self._going
        if going is not None:
            try:
                await asyncio.shield(going)
            finally:
                if going.done():
                    self._going = None

    async def _store_last(self) -> None:
        await self._begin_step(is_last=True)
        await self._wait()
        self._shared.digests.keep(self._hold.upload_id, self._n_written, self._digest)

    def _store(self, data: bytearray, *, is_last: bool) -> None:
        if self._body_digest is not None:
            self._body_digest.update(data)
            if is_last and self._checksum and self._body_digest.digest() != self._checksum.digest:
                raise ChecksumError(
                    f"upload {self._hold.upload_id}: the body is not what its {self._checksum.algorithm} says; "
                    f"the offset is still {self._hold.n_stored}"
                )
            if is_last and self._kind is None:
                self._kind = early_archive_kind(bytes(self._head)) if self._head else None
        counts = is_last or self._checksum is None
        self._steps.store(self._n_written, data, self._kind, counts=counts, is_last=is_last)
        self._n_written += len(data)
        if self._digest is not None:
            self._digest.update(data)
