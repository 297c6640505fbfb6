"""What every storage does. Keys are ours (`corpora/{id}/...`), never a user's path."""

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from app.core.errors import AppError


class StorageError(AppError):
    """An object is missing or damaged, or the store refused."""

    code = "storage_error"
    title = "Storage error"


class Storage(Protocol):
    """Immutable objects under slash-separated keys. An object exists whole or not at all."""

    def writer(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """A file to write the object into; it appears under `key` when the block ends without an error."""

    def put_file(self, key: str, path: Path) -> None:
        """Store a local file, which must not change afterwards: a local store links it instead of copying."""

    def read_range(self, key: str, offset: int, n_bytes: int) -> bytes:
        """Exactly `n_bytes` from `offset`; StorageError if the object is missing or shorter."""

    def local_path(self, key: str) -> Path:
        """A local, read-only file with the object's bytes (for memory maps); a remote store fetches it once."""

    def exists(self, key: str) -> bool:
        """Whether the object is there."""

    def delete_prefix(self, prefix: str) -> int:
        """Delete every object under `prefix/`; returns how many there were."""

    def incoming(self) -> "Incoming":
        """Where objects grow that come in pieces."""

    def check(self) -> None:
        """Raise StorageError when the store cannot be written now."""


class Incoming(Protocol):
    """Bytes of objects that are still coming, by upload. No object exists before it is published.

    The caller lets only one write an upload at a time, and remembers how many of its bytes count: what was written
    beyond them is written over, or left out when the object is published.
    """

    def write(self, upload_id: uuid.UUID, offset: int, data: bytes | bytearray) -> None:
        """Store bytes; they survive a crash once this returns. `offset` is where earlier ones that count end."""

    def read(self, upload_id: uuid.UUID, n_bytes: int) -> Iterator[bytes]:
        """The first `n_bytes`, a piece at a time; StorageError if there are fewer."""

    def publish(self, upload_id: uuid.UUID, n_bytes: int, key: str) -> None:
        """Make the first `n_bytes` the object `key`. Once more changes nothing, even after a crash midway."""

    def discard(self, upload_id: uuid.UUID) -> None:
        """Remove what came; removing what is gone does nothing."""

    def leftovers(self, min_age_s: float) -> Iterator[uuid.UUID]:
        """Uploads that nothing was written to for so long; half-written other objects of that age are removed."""
