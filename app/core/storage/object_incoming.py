"""Uploads under way as objects: one a piece, named by where it begins, joined when all have come."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import obstore
from obstore.store import ObjectStore

from app.core.storage.base import StorageError
from app.core.storage.object_errors import told_as_storage_errors

_PREFIX = "uploads"


class ObjectIncoming:
    """Pieces in an object store. A piece that did not count is replaced by the one that begins at the same byte."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def write(self, upload_id: uuid.UUID, offset: int, data: bytes | bytearray) -> None:
        with told_as_storage_errors(f"{_PREFIX}/{upload_id}"):
            obstore.put(self._store, f"{_PREFIX}/{upload_id}/{offset:020d}", data)

    def read(self, upload_id: uuid.UUID, n_bytes: int) -> Iterator[bytes]:
        sizes = self._sizes(upload_id)
        offset = 0
        while offset < n_bytes:
            size = sizes.get(offset)
            if not size:
                raise StorageError(f"upload {upload_id}: the piece that begins at byte {offset} is missing")
            # Pieces follow each other by their sizes: what did not count is never stepped on.
            with told_as_storage_errors(f"{_PREFIX}/{upload_id}"):
                data = bytes(obstore.get(self._store, f"{_PREFIX}/{upload_id}/{offset:020d}").bytes())
            yield data[: n_bytes - offset]
            offset += size

    def publish(self, upload_id: uuid.UUID, n_bytes: int, key: str) -> None:
        pieces = self.read(upload_id, n_bytes)
        with ThreadPoolExecutor(1) as reader, told_as_storage_errors(key):
            # The store asks for the next piece on a thread that may not call the store itself.
            obstore.put(self._store, key, iter(lambda: reader.submit(next, pieces, b"").result(), b""))

    def discard(self, upload_id: uuid.UUID) -> None:
        keys = [f"{_PREFIX}/{upload_id}/{offset:020d}" for offset in self._sizes(upload_id)]
        with told_as_storage_errors(f"{_PREFIX}/{upload_id}"):
            if keys:
                obstore.delete(self._store, keys)

    def leftovers(self, min_age_s: float) -> Iterator[uuid.UUID]:
        touched_at: dict[str, float] = {}
        with told_as_storage_errors(_PREFIX):
            for batch in obstore.list(self._store, prefix=f"{_PREFIX}/"):
                for entry in batch:
                    upload_id = entry["path"].split("/")[1]
                    at = entry["last_modified"].timestamp()
                    touched_at[upload_id] = max(at, touched_at.get(upload_id, 0.0))
        newest = time.time() - min_age_s
        yield from (uuid.UUID(upload_id) for upload_id, at in touched_at.items() if at <= newest)

    def _sizes(self, upload_id: uuid.UUID) -> dict[int, int]:
        """Bytes of each piece by where it begins."""
        prefix = f"{_PREFIX}/{upload_id}/"
        with told_as_storage_errors(prefix):
            return {
                int(entry["path"].rsplit("/", 1)[1]): entry["size"]
                for batch in obstore.list(self._store, prefix=prefix)
                for entry in batch
            }
