"""Takes an archive's bytes off the network into the storage, hashed on the way, in steps of bounded size."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from anyio.to_thread import run_sync

from app.core.errors import TooLargeError
from app.core.settings import MIB
from app.core.storage import Storage, told_as_unavailable
from app.corpora.archive_kind import HEAD_BYTES, archive_kind, early_archive_kind

_STEP_BYTES = 1 * MIB


@dataclass(frozen=True)
class ReceivedArchive:
    """An archive whose bytes have all come."""

    key: str
    kind: str
    n_bytes: int
    sha256: bytes


class ArchiveReceiver:
    """One upload: `receive`, then `publish`; whatever goes wrong, `abandon`, and nothing stays in the storage.

    Args:
        storage: where the archive goes.
        key: under which key.
        max_bytes: the largest archive allowed.
    """

    def __init__(self, storage: Storage, key: str, *, max_bytes: int) -> None:
        self._storage = storage
        self._key = key
        self._max_bytes = max_bytes
        self._open = ExitStack()
        self._file: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self._n_bytes = 0

    async def receive(self, chunks: AsyncIterator[bytes]) -> ReceivedArchive:
        """Write all chunks. Hashing and writing happen in a worker thread, at most `_STEP_BYTES` and a chunk at once.

        Raises:
            InvalidPayloadError: no bytes came (`empty_body`).
            UnsupportedTypeError: the first bytes are not an archive's; raised before the rest is read.
            TooLargeError: more than `max_bytes` came.
            UnavailableError: the storage is full or away.
        """
        kind: str | None = None
        buffer = bytearray()
        async for chunk in chunks:
            buffer += chunk
            self._check_size(self._n_bytes + len(buffer))
            if kind is None:
                kind = early_archive_kind(bytes(buffer[:HEAD_BYTES]))
            if kind is not None and len(buffer) >= _STEP_BYTES:
                await run_sync(self._write, bytes(buffer))
                buffer.clear()
        kind = kind or archive_kind(bytes(buffer))
        await run_sync(self._write, bytes(buffer))
        return ReceivedArchive(self._key, kind, self._n_bytes, self._digest.digest())

    def publish(self) -> None:
        """Make the object appear under its key. Blocks until it is safe on disk."""
        with told_as_unavailable():
            self._open.close()

    def check_declared(self, content_length: str | None) -> None:
        """Refuse a body by what its header says, before any of it is read."""
        if content_length is not None and content_length.isascii() and content_length.isdigit():
            self._check_size(int(content_length))

    def abandon(self, error: BaseException) -> None:
        """Remove what was written. Quick, so that it may be called while a task is being cancelled."""
        self._open.__exit__(type(error), error, error.__traceback__)

    def _write(self, data: bytes) -> None:
        with told_as_unavailable():
            if self._file is None:
                self._file = self._open.enter_context(self._storage.writer(self._key))
            self._file.write(data)
        self._digest.update(data)
        self._n_bytes += len(data)

    def _check_size(self, n_bytes: int) -> None:
        if n_bytes > self._max_bytes:
            raise TooLargeError(
                f"body: {n_bytes} bytes or more, at most {self._max_bytes} are allowed", code="archive_too_large"
            )
