"""Every image of a corpus version measured: beside its encoding, or alone where its features are stored already."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, final

import numpy as np
from PIL import Image

from app.core.storage import Storage
from crcl_core.checks import measure_image
from crcl_core.checks.image_quality import HASH_BITS, MEASURED
from worker.pipeline.image_decoding import open_image, upright_rgb

_TOLD_EVERY = 256


@final
class MeasuredImages:
    """Scores and perceptual hashes by image ordinal; threads fill different rows at once.

    Args:
        n_images: how many rows.
    """

    def __init__(self, n_images: int) -> None:
        self.scores = np.zeros((n_images, len(MEASURED)), dtype=np.float32)
        self.hashes = np.zeros((n_images, HASH_BITS), dtype=np.bool_)

    def measure(self, row: int, image: Image.Image) -> None:
        """Measure the decoded image of a row."""
        measures = measure_image(image)
        self.scores[row] = measures.scores
        self.hashes[row] = measures.hash_bits

    def save(self, path: Path) -> None:
        """Write the file that `read` reads."""
        np.savez(path, scores=self.scores, hashes=self.hashes)

    @classmethod
    def read(cls, path: Path) -> "MeasuredImages":
        """What `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            measured = cls(0)
            measured.scores, measured.hashes = file["scores"], file["hashes"]
        return measured


def measure_images(
    storage: Storage, table: Any, n_readers: int, on_images: Callable[[int], None]
) -> MeasuredImages:  # Any: an open npz file
    """Decode and measure every image.

    Args:
        storage: where the shards lie.
        table: `image_places.npz` of the phase `features`.
        n_readers: how many threads read and decode.
        on_images: called now and then with the number of images done.
    """
    shard_keys, shards, offsets, sizes = (table[name] for name in ("shard_keys", "shard", "offset", "n_bytes"))
    measured = MeasuredImages(len(offsets))

    def measure(row: int) -> None:
        data = storage.read_range(str(shard_keys[shards[row]]), int(offsets[row]), int(sizes[row]))
        measured.measure(row, upright_rgb(open_image(data)))

    with ThreadPoolExecutor(max_workers=n_readers) as pool:
        for number, _ in enumerate(pool.map(measure, range(len(offsets))), start=1):
            if number % _TOLD_EVERY == 0:
                on_images(number)
    return measured
