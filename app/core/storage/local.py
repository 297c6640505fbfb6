"""Objects as files below one folder."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.core.storage.base import StorageError
from app.core.storage.durable_files import fsync_folder
from app.core.storage.local_incoming import LocalIncoming

_INCOMING = ".incoming"


class LocalStorage:
    """Files below `root`. Written aside, fsynced, then renamed, so that a crash leaves no half object."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        (self._root / _INCOMING).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def writer(self, key: str) -> Iterator[IO[bytes]]:
        target = self._path(key)
        aside = self._root / _INCOMING / uuid.uuid4().hex
        try:
            with aside.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            aside.replace(target)
            fsync_folder(target.parent)
        finally:
            aside.unlink(missing_ok=True)

    def put_file(self, key: str, path: Path) -> None:
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = self._root / _INCOMING / uuid.uuid4().hex
        try:
            os.link(path, aside)
        except OSError:  # another file system, or one without links
            with path.open("rb") as source, self.writer(key) as file:
                shutil.copyfileobj(source, file, 1024 * 1024)
            return
        aside.replace(target)
        fsync_folder(target.parent)

    def read_range(self, key: str, offset: int, n_bytes: int) -> bytes:
        try:
            with self._path(key).open("rb") as file:
                data = os.pread(file.fileno(), n_bytes, offset)
        except OSError as error:
            raise StorageError(f"object {key} cannot be read: {error.strerror}") from error
        if len(data) != n_bytes:
            raise StorageError(f"object {key} is short: {len(data)} bytes at {offset}, expected {n_bytes}")
        return data

    def local_path(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise StorageError(f"object {key} is missing")
        return path

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def delete_prefix(self, prefix: str) -> int:
        folder = self._path(prefix)
        n_objects = sum(1 for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
        shutil.rmtree(folder, ignore_errors=True)
        return n_objects

    def incoming(self) -> LocalIncoming:
        return LocalIncoming(self._root / _INCOMING, self._path)

    def check(self) -> None:
        probe = self._root / _INCOMING / f"probe-{uuid.uuid4().hex}"
        try:
            probe.write_bytes(b"1")
            probe.unlink()
        except OSError as error:
            raise StorageError(f"storage folder {self._root} cannot be written: {error.strerror}") from error

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root) or path == self._root or not key:
            raise StorageError(f"storage key {key!r} leaves the storage folder")
        return path
