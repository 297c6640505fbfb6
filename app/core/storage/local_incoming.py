"""Uploads under way as files: one file an upload, renamed into place when it is whole, so that nothing is copied."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from app.core.storage.base import StorageError
from app.core.storage.durable_files import fsync_folder

_PREFIX = "upload-"
_READ_BYTES = 4 * 1024 * 1024


class LocalIncoming:
    """Files in a folder on the same file system as the objects.

    Args:
        folder: where they lie; other half-written objects lie there too.
        path_of: the file of an object's key.
    """

    def __init__(self, folder: Path, path_of: Callable[[str], Path]) -> None:
        self._folder = folder
        self._path_of = path_of

    def write(self, upload_id: uuid.UUID, offset: int, data: bytes | bytearray) -> None:
        is_first = offset == 0
        descriptor = os.open(self._path(upload_id), os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            if os.fstat(descriptor).st_size < offset:
                raise StorageError(f"upload {upload_id}: bytes before {offset} are missing")
            view = memoryview(data)
            while view:
                n_written = os.pwrite(descriptor, view, offset)
                view, offset = view[n_written:], offset + n_written
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        if is_first:
            fsync_folder(self._folder)

    def read(self, upload_id: uuid.UUID, n_bytes: int) -> Iterator[bytes]:
        n_left = n_bytes
        try:
            with self._path(upload_id).open("rb") as file:
                while n_left and (data := file.read(min(n_left, _READ_BYTES))):
                    n_left -= len(data)
                    yield data
        except OSError as error:
            raise StorageError(f"upload {upload_id} cannot be read: {error.strerror}") from error
        if n_left:
            raise StorageError(f"upload {upload_id}: {n_left} of {n_bytes} bytes are missing")

    def publish(self, upload_id: uuid.UUID, n_bytes: int, key: str) -> None:
        path, target = self._path(upload_id), self._path_of(key)
        if not path.exists() and target.is_file() and target.stat().st_size == n_bytes:
            return  # a process died between this and its commit
        if not path.exists() or path.stat().st_size != n_bytes:
            raise StorageError(f"upload {upload_id}: not the {n_bytes} bytes that were stored")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        fsync_folder(target.parent)

    def discard(self, upload_id: uuid.UUID) -> None:
        self._path(upload_id).unlink(missing_ok=True)

    def leftovers(self, min_age_s: float) -> Iterator[uuid.UUID]:
        newest = time.time() - min_age_s
        for path in self._folder.iterdir():
            try:
                # Of a link to an older file the time of the link counts, which is no modification.
                touched_at = max(path.stat().st_mtime, path.stat().st_ctime)
            except FileNotFoundError:
                continue
            if touched_at > newest:
                continue
            if path.name.startswith(_PREFIX):
                yield uuid.UUID(path.name.removeprefix(_PREFIX))
            else:
                path.unlink(missing_ok=True)

    def _path(self, upload_id: uuid.UUID) -> Path:
        return self._folder / f"{_PREFIX}{upload_id}"
