"""Image bytes one behind the other in a few large objects."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from app.core.storage import Storage


@dataclass(frozen=True, slots=True)
class ShardPlace:
    """Where bytes lie."""

    key: str
    offset: int


class ShardWriter:
    """Appends to shards `{prefix}/00000`, `00001`, ... of about `shard_bytes` each. Use as a context manager.

    A shard appears when it is full or when the block ends well; an error leaves those that were full before.
    """

    def __init__(self, storage: Storage, prefix: str, *, shard_bytes: int) -> None:
        self._storage = storage
        self._prefix = prefix
        self._shard_bytes = shard_bytes
        self._n_shards = 0
        self._offset = 0
        self._open: AbstractContextManager[IO[bytes]] | None = None
        self._file: IO[bytes] | None = None

    def append(self, data: bytes) -> ShardPlace:
        """Write bytes; a new shard is begun when the current one is full."""
        if self._offset >= self._shard_bytes:
            self._finish()
        if self._file is None:
            self._open = self._storage.writer(self._key)
            self._file = self._open.__enter__()
        place = ShardPlace(self._key, self._offset)
        self._file.write(data)
        self._offset += len(data)
        return place

    @property
    def _key(self) -> str:
        return f"{self._prefix}/{self._n_shards:05d}"

    def _finish(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
            self._n_shards += 1
        self._open, self._file, self._offset = None, None, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
        elif self._open is not None:
            self._open.__exit__(kind, error, traceback)
