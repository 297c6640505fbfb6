"""Gathers feature rows for a batch, from memory where they fit, from the memory map where they do not."""

from typing import final

import numpy as np
import torch
from torch import Tensor

from crcl_core.data import PairFeatures
from crcl_core.types import FloatArray, IntArray, TokenArray

PRELOAD_LIMIT_BYTES = 1 << 30


@final
class FeatureBank:
    """Rows of a corpus's features on the device of training. What is gathered is the caller's own to change.

    Args:
        features: The corpus; its arrays are read, never written.
        device: Where the gathered rows go.
        preload_limit_bytes: Vectors that need more stay where they are and each batch copies its rows.
    """

    def __init__(
        self, features: PairFeatures, device: torch.device, *, preload_limit_bytes: int = PRELOAD_LIMIT_BYTES
    ) -> None:
        self.vocabulary_size = features.vocabulary_size
        n_bytes = features.image_features.nbytes + features.caption_features.nbytes
        self._device = device
        self._is_preloaded = n_bytes <= preload_limit_bytes
        self._images = self._prepared(features.image_features)
        self._captions = self._prepared(features.caption_features)
        self._image_index = _copied(features.image_index)  # (N,)
        self._caption_index = _copied(features.caption_index)  # (N,)

    def image_rows(self, pairs: Tensor) -> Tensor:
        """(B,) pairs -> (B, D_image) or (B, R, D_image) float32 on the device."""
        return self._gathered(self._images, self._image_index[pairs])

    def caption_rows(self, pairs: Tensor) -> Tensor:
        """(B,) pairs -> (B, D_caption) float32, or (B, T) int64 word ids, on the device."""
        rows = self._gathered(self._captions, self._caption_index[pairs])
        return rows if self.vocabulary_size is None else rows.long()

    def indices(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) pairs -> their image and caption indices, each (B,) int64 on the device."""
        return self._image_index[pairs].to(self._device), self._caption_index[pairs].to(self._device)

    def _prepared(self, rows: FloatArray | TokenArray) -> Tensor | FloatArray | TokenArray:
        return _copied(rows).to(self._device) if self._is_preloaded else rows

    def _gathered(self, rows: Tensor | FloatArray | TokenArray, index: Tensor) -> Tensor:
        if isinstance(rows, Tensor):
            return rows[index.to(self._device)]
        return torch.from_numpy(rows[index.numpy()]).to(self._device)


def _copied(array: FloatArray | IntArray | TokenArray) -> Tensor:
    # A copy: torch warns about sharing memory that is mapped read-only.
    return torch.from_numpy(np.array(array))
