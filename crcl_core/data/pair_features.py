"""The vectors of a corpus and which of them form its pairs."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crcl_core.types import FloatArray, IntArray

_HASHED_ROWS = 4096


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Frozen vectors of distinct images and captions, and N pairs that point into them.

    Two pairs with one `image_index` are siblings, two with one `caption_index` have duplicate captions; neither may
    serve as the other's negative. The arrays may be memory-mapped; nobody writes to them.

    Attributes:
        image_features: (I, D_image) float32, one row a distinct image (by content).
        caption_features: (C, D_caption) float32, one row a distinct normalised caption.
        image_index: (N,) int64, rows of `image_features`.
        caption_index: (N,) int64, rows of `caption_features`.

    Raises:
        ValueError: A shape or dtype is wrong, the indices differ in length, or one points outside its vectors.
    """

    image_features: FloatArray
    caption_features: FloatArray
    image_index: IntArray
    caption_index: IntArray

    def __post_init__(self) -> None:
        _require("image_features", self.image_features, n_axes=2, dtype=np.float32)
        _require("caption_features", self.caption_features, n_axes=2, dtype=np.float32)
        _require("image_index", self.image_index, n_axes=1, dtype=np.int64)
        _require("caption_index", self.caption_index, n_axes=1, dtype=np.int64)
        if len(self.image_index) != len(self.caption_index):
            lengths = f"image_index has {len(self.image_index)} entries and caption_index {len(self.caption_index)}"
            raise ValueError(f"{lengths}, expected one of each a pair")
        _require_within("image_index", self.image_index, self.n_images)
        _require_within("caption_index", self.caption_index, self.n_captions)

    @property
    def n_pairs(self) -> int:
        """N."""
        return len(self.image_index)

    @property
    def n_images(self) -> int:
        """I, distinct images."""
        return len(self.image_features)

    @property
    def n_captions(self) -> int:
        """C, distinct normalised captions."""
        return len(self.caption_features)

    @property
    def image_dim(self) -> int:
        """D of the image vectors."""
        return int(self.image_features.shape[1])

    @property
    def caption_dim(self) -> int:
        """D of the caption vectors."""
        return int(self.caption_features.shape[1])

    @property
    def captions_per_image(self) -> float:
        """Mean number of pairs of an image that has any; 0 without pairs."""
        return self.n_pairs / len(np.unique(self.image_index)) if self.n_pairs else 0.0

    def subset(self, pairs: IntArray) -> "PairFeatures":
        """Keeps the given pairs, in the given order; the vectors stay shared and whole."""
        return PairFeatures(
            image_features=self.image_features,
            caption_features=self.caption_features,
            image_index=np.ascontiguousarray(self.image_index[pairs]),
            caption_index=np.ascontiguousarray(self.caption_index[pairs]),
        )

    def fingerprint(self) -> str:
        """Hashes all four arrays, reading each once in blocks of rows.

        Returns:
            SHA-256 as hex; equal for equal contents, whether in memory or memory-mapped.

        Raises:
            ValueError: A vector is not finite; the message names its row.
        """
        digest = hashlib.sha256()
        for name in ("image_features", "caption_features", "image_index", "caption_index"):
            array: npt.NDArray[np.generic] = getattr(self, name)
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            for start in range(0, len(array), _HASHED_ROWS):
                block = np.ascontiguousarray(array[start : start + _HASHED_ROWS])
                _require_finite(name, block, start)
                digest.update(block.tobytes())
        return digest.hexdigest()


def _require(name: str, array: npt.NDArray[np.generic], *, n_axes: int, dtype: type[np.generic]) -> None:
    if array.ndim != n_axes or array.dtype != dtype:
        raise ValueError(
            f"{name} is {array.dtype} with {array.ndim} axes, expected {np.dtype(dtype)} with {n_axes} axes"
        )


def _require_within(name: str, index: IntArray, n_rows: int) -> None:
    if len(index) and not (index.min() >= 0 and index.max() < n_rows):
        raise ValueError(f"{name} spans {index.min()} to {index.max()}, expected rows 0 to {n_rows - 1}")


def _require_finite(name: str, block: npt.NDArray[np.generic], first_row: int) -> None:
    if np.issubdtype(block.dtype, np.floating):
        is_bad = ~np.isfinite(block).all(axis=1)
        if is_bad.any():
            raise ValueError(f"{name} row {first_row + int(is_bad.argmax())} holds a number that is not finite")
