"""What every storage does. Keys are ours (`corpora/{id}/...`), never a user's path."""

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

    def check(self) -> None:
        """Raise StorageError when the store cannot be written now."""
