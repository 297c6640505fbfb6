"""The vectors of a corpus and which of them form its pairs."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crcl_core.types import FloatArray, IntArray, TokenArray

_HASHED_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Features of distinct images and captions, and N pairs that point into them.

    An image is one global vector or its regions; a caption is one vector or its words. Two pairs with one `image_index`
    are siblings, two with one `caption_index` have duplicate captions; neither may serve as the other's negative. The
    arrays may be memory-mapped; nobody writes to them.

    Attributes:
        image_features: (I, D_image) or (I, R, D_image) float32, one row a distinct image (by content).
        caption_features: (C, D_caption) float32, one row a distinct normalised caption; or (C, T) int32, the ids of its
            words, each row one id or more and then zeros.
        image_index: (N,) int64, rows of `image_features`.
        caption_index: (N,) int64, rows of `caption_features`.
        vocabulary_size: With words: ids lie in [1, vocabulary_size). None with vectors.

    Raises:
        ValueError: A shape or dtype is wrong, the indices differ in length, one points outside its features, a caption
            has no word, or an id is outside the vocabulary.
    """

    image_features: FloatArray
    caption_features: FloatArray | TokenArray
    image_index: IntArray
    caption_index: IntArray
    vocabulary_size: int | None = None

    def __post_init__(self) -> None:
        _require("image_features", self.image_features, n_axes=(2, 3), dtype=np.float32)
        _require("image_index", self.image_index, n_axes=(1,), dtype=np.int64)
        _require("caption_index", self.caption_index, n_axes=(1,), dtype=np.int64)
        if self.vocabulary_size is None:
            _require("caption_features", self.caption_features, n_axes=(2,), dtype=np.float32)
        else:
            _require("caption_features", self.caption_features, n_axes=(2,), dtype=np.int32)
            _require_tokens(self.caption_features, self.vocabulary_size)
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
        """D of the image vectors, or of the regions."""
        return int(self.image_features.shape[-1])

    @property
    def n_regions(self) -> int | None:
        """R; None where images are global vectors."""
        return int(self.image_features.shape[1]) if self.image_features.ndim == 3 else None

    @property
    def has_tokens(self) -> bool:
        """Whether captions are words rather than vectors."""
        return self.vocabulary_size is not None

    @property
    def caption_dim(self) -> int:
        """D of the caption vectors; with words T, the most that a caption has."""
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
            vocabulary_size=self.vocabulary_size,
        )

    def fingerprint(self) -> str:
        """Hashes all four arrays, reading each once in blocks of rows.

        Returns:
            SHA-256 as hex; equal for equal contents, whether in memory or memory-mapped.

        Raises:
            ValueError: A vector is not finite; the message names its row.
        """
        digest = hashlib.sha256()
        if self.vocabulary_size is not None:
            digest.update(f"vocabulary {self.vocabulary_size}\n".encode())
        for name in ("image_features", "caption_features", "image_index", "caption_index"):
            array: npt.NDArray[np.generic] = getattr(self, name)
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            n_rows = max(1, _HASHED_BYTES // max(1, array[:1].nbytes))
            for start in range(0, len(array), n_rows):
                block = np.ascontiguousarray(array[start : start + n_rows])
                _require_finite(name, block, start)
                digest.update(block.tobytes())
        return digest.hexdigest()


def _require(name: str, array: npt.NDArray[np.generic], *, n_axes: tuple[int, ...], dtype: type[np.generic]) -> None:
    if array.ndim not in n_axes or array.dtype != dtype:
        allowed = " or ".join(str(number) for number in n_axes)
        raise ValueError(
            f"{name} is {array.dtype} with {array.ndim} axes, expected {np.dtype(dtype)} with {allowed} axes"
        )


def _require_tokens(tokens: npt.NDArray[np.generic], vocabulary_size: int) -> None:
    is_word = tokens != 0  # (C, T)
    n_words = is_word.sum(axis=1)
    # A zero between words would be taken for the caption's end.
    is_bad = (n_words == 0) | (is_word != (np.arange(tokens.shape[1]) < n_words[:, None])).any(axis=1)
    if is_bad.any():
        raise ValueError(f"caption_features row {int(is_bad.argmax())} is not one word id or more and then zeros")
    if len(tokens) and not (tokens.min() >= 0 and tokens.max() < vocabulary_size):
        found = f"{tokens.min()} to {tokens.max()}"
        raise ValueError(f"the word ids of the captions span {found}, expected 1 to {vocabulary_size - 1}")


def _require_within(name: str, index: IntArray, n_rows: int) -> None:
    if len(index) and not (index.min() >= 0 and index.max() < n_rows):
        raise ValueError(f"{name} spans {index.min()} to {index.max()}, expected rows 0 to {n_rows - 1}")


def _require_finite(name: str, block: npt.NDArray[np.generic], first_row: int) -> None:
    if np.issubdtype(block.dtype, np.floating):
        is_bad = ~np.isfinite(block).all(axis=tuple(range(1, block.ndim)))
        if is_bad.any():
            raise ValueError(f"{name} row {first_row + int(is_bad.argmax())} holds a number that is not finite")
