"""Objects in an S3-compatible store, through obstore."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from app.core.storage.base import StorageError
from app.core.storage.object_errors import told_as_storage_errors
from app.core.storage.object_incoming import ObjectIncoming


class ObjectStorage:
    """An `s3://bucket/prefix` store. Credentials and endpoint come from the usual `AWS_*` variables.

    Whole objects that need a local file (memory maps, archives) are fetched once into `cache`.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self._store: ObjectStore = from_url(url)
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def writer(self, key: str) -> Iterator[IO[bytes]]:
        with tempfile.NamedTemporaryFile(dir=self._cache) as file:
            yield file
            file.flush()
            self.put_file(key, Path(file.name))

    def put_file(self, key: str, path: Path) -> None:
        with told_as_storage_errors(key):
            obstore.put(self._store, key, path)

    def read_range(self, key: str, offset: int, n_bytes: int) -> bytes:
        if n_bytes == 0:
            return b""
        with told_as_storage_errors(key):
            data = bytes(obstore.get_range(self._store, key, start=offset, length=n_bytes))
        if len(data) != n_bytes:
            raise StorageError(f"object {key} is short: {len(data)} bytes at {offset}, expected {n_bytes}")
        return data

    def local_path(self, key: str) -> Path:
        target = self._cache / key
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            aside = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
            with told_as_storage_errors(key), aside.open("wb") as file:
                for chunk in obstore.get(self._store, key).stream(min_chunk_size=1024 * 1024):
                    file.write(chunk)
            os.replace(aside, target)  # noqa: PTH105 - objects are immutable, so the last of two fetchers may win
        return target

    def exists(self, key: str) -> bool:
        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        except BaseError as error:
            raise StorageError(f"object {key}: {error}") from error
        return True

    def delete_prefix(self, prefix: str) -> int:
        with told_as_storage_errors(prefix):
            keys = [entry["path"] for batch in obstore.list(self._store, prefix=f"{prefix}/") for entry in batch]
            if keys:
                obstore.delete(self._store, keys)
        shutil.rmtree(self._cache / prefix, ignore_errors=True)
        return len(keys)

    def incoming(self) -> ObjectIncoming:
        return ObjectIncoming(self._store)

    def check(self) -> None:
        with told_as_storage_errors(".probe"):
            obstore.put(self._store, ".probe", b"1")
