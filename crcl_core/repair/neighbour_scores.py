"""How well a caption fits what the captions of similar images say, which no model was trained to agree with."""

from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection.cosines import unit_rows
from crcl_core.seeding import numpy_generator
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray

_N_NEIGHBOURS = 20
_N_POOL = 8_000
# Pairs so near in the corpus may be shifted with a pair, and would testify for their own fault.
_NEAR = 400
_BLOCK_ROWS = 1_024


@final
class NeighbourScores:
    """Scores of images against captions, by the trusted captions of the images that look most alike.

    A shift of whole images puts the same wrong captions together beside an image, and any model that is trained on some
    of them believes the others. What images elsewhere in the corpus say is not touched by it. The score is the cosine
    of the caption to the mean caption of the neighbours, less its cosine to the mean of all.

    Args:
        features: The corpus; its raw vectors are compared, of regions their mean.
        is_flagged: (N,) bool; flagged pairs are nobody's neighbour.
        seed: Of the run; draws the pool of at most 8,000 pairs among which neighbours are looked for.

    Raises:
        ValueError: The captions are words.
    """

    def __init__(self, features: PairFeatures, is_flagged: BoolArray, *, seed: int) -> None:
        if features.has_tokens:
            raise ValueError("captions are words, expected vectors")
        self._features = features
        trusted = np.flatnonzero(~is_flagged)
        pool = np.sort(numpy_generator(seed, "repair neighbours").permutation(trusted)[:_N_POOL])
        self.is_known = len(pool) > _N_NEIGHBOURS
        if self.is_known:
            captions = self._captions(pool)
            self._mean: FloatArray = captions.mean(axis=0)
            self._said = self._sayings(pool, captions)

    def of_rows(self, image_rows: IntArray, caption_rows: IntArray) -> DoubleArray:
        """Scores the images of some pairs against the captions of others, one to one; (n,) float64."""
        scores = np.empty(len(image_rows))
        for start in range(0, len(scores), _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            said = self._said[self._features.image_index[image_rows[part]]].astype(np.float32)
            captions = self._captions(caption_rows[part])
            # n pair, d dimension
            scores[part] = np.einsum("nd,nd->n", said, captions) - captions @ self._mean
        return scores

    def _captions(self, rows: IntArray) -> FloatArray:
        vectors = self._features.caption_features[self._features.caption_index[rows]]
        return unit_rows(np.asarray(vectors, dtype=np.float32))

    def _sayings(self, pool: IntArray, captions: FloatArray) -> "np.ndarray[tuple[int, int], np.dtype[np.float16]]":
        """(I, D) float16 of length 1: the mean caption of each image's neighbours."""
        features = self._features
        of_pool = unit_rows(_global(features.image_features[features.image_index[pool]]))
        used, first = np.unique(features.image_index, return_index=True)  # Each image stands where it first does.
        said = np.zeros((features.n_images, captions.shape[1]), dtype=np.float16)
        for start in range(0, len(used), _BLOCK_ROWS):
            images, rows = used[start : start + _BLOCK_ROWS], first[start : start + _BLOCK_ROWS]
            cosines = unit_rows(_global(features.image_features[images])) @ of_pool.T  # (images, pool)
            cosines[np.abs(rows[:, None] - pool) < _NEAR] = -2
            cosines[images[:, None] == features.image_index[pool]] = -2
            nearest = np.argpartition(-cosines, _N_NEIGHBOURS - 1, axis=1)[:, :_N_NEIGHBOURS]
            is_far = np.take_along_axis(cosines, nearest, axis=1) > -2
            weights = is_far / np.maximum(is_far.sum(axis=1, keepdims=True), 1)
            # i image, k neighbour, d dimension
            said[images] = unit_rows(np.einsum("ik,ikd->id", weights.astype(np.float32), captions[nearest]))
        return said


def _global(images: FloatArray) -> FloatArray:
    vectors: FloatArray = images.mean(axis=1) if images.ndim == 3 else np.asarray(images, dtype=np.float32)
    return vectors
