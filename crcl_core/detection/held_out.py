"""Embeddings of a corpus by models that each never saw a part of its pairs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self, final

import numpy as np

from crcl_core.types import FloatArray, IntArray

_IMAGES, _CAPTIONS, _FOLDS = "held_out_images.npy", "held_out_captions.npy", "held_out_folds.npy"


@final
@dataclass(frozen=True, eq=False)
class HeldOutEmbeddings:
    """All images and captions as K models see them, of which model k was trained without the pairs of fold k.

    Whoever judges pair i, or looks for a better caption or image for it, does so with the embeddings of model
    `fold[i]`: that model cannot have memorised the pair.

    Attributes:
        images: (K, I, J) float16 or float32, L2-normalised; may be memory-mapped.
        captions: (K, C, J), as `images`.
        fold: (N,) int64 in [0, K), the fold of each pair.

    Raises:
        ValueError: The shapes do not fit each other, or a fold is outside [0, K).
    """

    images: FloatArray
    captions: FloatArray
    fold: IntArray

    def __post_init__(self) -> None:
        shapes = f"images have the shape {self.images.shape} and captions {self.captions.shape}"
        if self.images.ndim != 3 or self.captions.ndim != 3:
            raise ValueError(f"{shapes}, expected three axes each")
        if self.images.shape[0] != self.captions.shape[0] or self.images.shape[2] != self.captions.shape[2]:
            raise ValueError(f"{shapes}, expected the same models and the same width")
        if len(self.fold) and not 0 <= self.fold.min() <= self.fold.max() < self.n_folds:
            raise ValueError(f"folds lie in {self.fold.min()}..{self.fold.max()}, expected 0..{self.n_folds - 1}")

    @property
    def n_folds(self) -> int:
        """K."""
        return len(self.images)

    def save(self, folder: Path) -> None:
        """Writes three npy files into a folder; embeddings as float16, which moves a cosine by less than 1e-3."""
        np.save(folder / _IMAGES, self.images.astype(np.float16))
        np.save(folder / _CAPTIONS, self.captions.astype(np.float16))
        np.save(folder / _FOLDS, self.fold)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Opens what `save` wrote, memory-mapped; None where the folder holds none."""
        if not (folder / _FOLDS).exists():
            return None
        images, captions = (np.load(folder / name, mmap_mode="r") for name in (_IMAGES, _CAPTIONS))
        return cls(images, captions, np.load(folder / _FOLDS))
