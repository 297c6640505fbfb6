"""Features of the version before, for the images and captions that the new version has from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self, final

import numpy as np

from crcl_core.types import FloatArray, IntArray
from worker.trainer import Spec

_BLOCK_ROWS = 256


@final
@dataclass(frozen=True, eq=False)
class CarriedFeatures:
    """Where features of I images and C captions lie already.

    Attributes:
        images: what was made of the images before; None where there is nothing to reuse.
        captions: the same of captions; None where captions stay words.
        image_rows: (I,) row in `images` of each image, -1 = new.
        caption_rows: (C,) row in `captions` of each caption, -1 = new.
    """

    images: FloatArray | None
    captions: FloatArray | None
    image_rows: IntArray
    caption_rows: IntArray

    @classmethod
    def of(cls, spec: Spec, fingerprint: str, *, n_images: int, n_captions: int) -> Self:
        """What can be reused of these features.

        Args:
            spec: with `reusable`, which maps fingerprints to `images` and `captions` (files, or None), and `carried`,
                an npz of `image_rows` and `caption_rows`.
            fingerprint: of the features to be.
            n_images: I.
            n_captions: C.
        """
        files = spec.get("reusable", {}).get(fingerprint)
        if files is None:
            return cls(None, None, np.full(n_images, -1, dtype=np.int64), np.full(n_captions, -1, dtype=np.int64))
        with np.load(spec["carried"], allow_pickle=False) as rows:
            image_rows, caption_rows = rows["image_rows"], rows["caption_rows"]
        captions = None if files["captions"] is None else np.load(files["captions"], mmap_mode="r")
        return cls(np.load(files["images"], mmap_mode="r"), captions, image_rows, caption_rows[:n_captions])

    @property
    def new_images(self) -> IntArray:
        """The images that have to be encoded."""
        return np.flatnonzero(self.image_rows < 0)

    @property
    def new_captions(self) -> IntArray:
        """The captions that have to be encoded."""
        return np.flatnonzero(self.caption_rows < 0)


def open_features(path: Path, shape: tuple[int, ...], carried: FloatArray | None, rows: IntArray) -> FloatArray:
    """A new file of features, memory-mapped, with those that are carried over in their places.

    Args:
        path: of the file.
        shape: (n, ...) of the features.
        carried: (m, ...), or None.
        rows: (n,) row in `carried`, -1 = to be filled by the caller.
    """
    features: FloatArray = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    if carried is not None:
        is_known = np.flatnonzero(rows >= 0)
        # A block at a time: neither of the two need fit into memory.
        for start in range(0, len(is_known), _BLOCK_ROWS):
            block = is_known[start : start + _BLOCK_ROWS]
            features[block] = carried[rows[block]]
    return features
