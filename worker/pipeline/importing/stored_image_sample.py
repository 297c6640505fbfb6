"""A look at images that were stored: only what the sandbox has decoded before is decoded here."""

from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import numpy.typing as npt

from app.core.repositories.importing import ImageRecord
from app.core.storage import Storage
from worker.pipeline.image_decoding import open_image
from worker.pipeline.importing.image_store import StoredImages
from worker.pipeline.importing.thumbnails import stacked, thumbnail


@final
class StoredImageSample:
    """An `ImageSample` of accepted images.

    Args:
        storage: where their shards lie, complete.
        stored: what became of the members.
        check: called for each image; it may raise to stop the import.
    """

    def __init__(self, storage: Storage, stored: StoredImages, check: Callable[[], None]) -> None:
        self._storage = storage
        self._stored = stored
        self._check = check

    def sizes(self, names: Sequence[str]) -> list[tuple[int, int]]:
        """(width, height) of the upright images."""
        records = (self._record(name) for name in names)
        return [(record.width_px, record.height_px) for record in records if record is not None]

    def thumbnails(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """See `ImageSample`."""
        return stacked([self._thumbnail(name) for name in names])

    def _thumbnail(self, name: str) -> npt.NDArray[np.float32] | None:
        self._check()
        record = self._record(name)
        if record is None:
            return None
        # As the encoder reads it: the normal form behind the original, or an original that is plain.
        start, n_bytes = record.shard_offset, record.n_bytes
        if record.normal_bytes is not None:
            start, n_bytes = start + record.n_bytes, record.normal_bytes
        return thumbnail(open_image(self._storage.read_range(record.shard_key, start, n_bytes)))

    def _record(self, name: str) -> ImageRecord | None:
        ordinal = self._stored.ordinals.get(name)
        return None if ordinal is None else self._stored.images[ordinal]
