"""What the trusted captions of an image say of another caption."""

from typing import Protocol, final

import numpy as np
from scipy import sparse

from crcl_core.data import PairFeatures
from crcl_core.types import BoolArray, FloatArray, IntArray


class CaptionRows(Protocol):
    """(C, J) vectors of length 1 of which rows can be read, be they in memory or not."""

    def __getitem__(self, rows: IntArray, /) -> FloatArray: ...


@final
class SiblingConsensus:
    """How near a caption is to the captions that an image has and keeps: their mean cosine, weighted by correspondence.

    Args:
        features: The corpus.
        correspondence: (N,) float32 in [0, 1].
        is_flagged: (N,) bool; flagged captions say nothing of their image.
    """

    def __init__(self, features: PairFeatures, correspondence: FloatArray, is_flagged: BoolArray) -> None:
        weights = np.where(is_flagged, 0, correspondence).astype(np.float32)
        shape = (features.n_images, features.n_captions)
        # (I, C): row = image, column = caption, as heavy as its pair is trusted.
        self._trust = sparse.csr_array((weights, (features.image_index, features.caption_index)), shape=shape)
        self._image_index = features.image_index
        self.pair_weights = weights
        self.image_weights: FloatArray = np.asarray(self._trust.sum(axis=1), dtype=np.float32)

    def of_images(self, images: IntArray, captions: CaptionRows) -> FloatArray:
        """Sums of the trusted captions of some images: (m, J) float32.

        Args:
            images: (m,) int64.
            captions: (C, J) all captions, rows of length 1.
        """
        trust = self._trust[images]
        used = np.unique(trust.indices)
        vectors = np.asarray(captions[used], dtype=np.float32)
        sums: FloatArray = np.asarray(trust[:, used] @ vectors, dtype=np.float32)
        return sums

    def block(self, rows: IntArray, vectors: FloatArray, images: IntArray, sums: FloatArray) -> FloatArray:
        """Mean cosines (n, m) float32 of some pairs' captions to those of some images; NaN where an image has none.

        A pair's own part in its own image is taken out: it may not vouch for itself.

        Args:
            rows: (n,) int64, the pairs.
            vectors: (n, J) float32, their captions, of length 1.
            images: (m,) int64, ascending.
            sums: (m, J), what `of_images` gave for them.
        """
        totals = vectors @ sums.T
        weights = np.broadcast_to(self.image_weights[images], totals.shape).copy()
        own = np.searchsorted(images, self._image_index[rows]).clip(max=len(images) - 1)
        is_here = np.flatnonzero(images[own] == self._image_index[rows])
        totals[is_here, own[is_here]] -= self.pair_weights[rows[is_here]]
        weights[is_here, own[is_here]] -= self.pair_weights[rows[is_here]]
        is_known = weights > 1e-3
        consensus: FloatArray = np.divide(totals, weights, out=np.full_like(totals, np.nan), where=is_known)
        return consensus
