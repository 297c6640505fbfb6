"""How well any image fits any caption, to a model that did not see the caption's pair."""

from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection import HeldOutEmbeddings
from crcl_core.seeding import numpy_generator
from crcl_core.types import DoubleArray, FloatArray, IntArray

_N_POOL = 1_000
_TEMPERATURE = 0.05
_BLOCK_ROWS = 4_096


@final
class HeldOutScores:
    """Scores of images against captions, by the model that was trained without the pair of the caption.

    The score is the cosine over the temperature, less half of what the image and half of what the caption scores
    against a pool of others (log-sum-exp): an image that looks like everything is near to every caption, and that
    says nothing. Its unit is one nat of a softmax.

    Args:
        features: The corpus; only its indices are read.
        held_out: Embeddings of all its images and captions by K models.
        seed: Of the run; draws the pool.
    """

    def __init__(self, features: PairFeatures, held_out: HeldOutEmbeddings, *, seed: int) -> None:
        self._features = features
        self._held_out = held_out
        random = numpy_generator(seed, "repair pool")
        every_image, every_caption = np.unique(features.image_index), np.unique(features.caption_index)
        some_images = np.sort(random.permutation(every_image)[:_N_POOL])
        some_captions = np.sort(random.permutation(every_caption)[:_N_POOL])
        models = list(zip(held_out.images, held_out.captions, strict=True))
        # (K, I) and (K, C): how near an item is to others in general.
        self.image_hubness = np.stack([_hubness(images, captions[some_captions]) for images, captions in models])
        self.caption_hubness = np.stack([_hubness(captions, images[some_images]) for images, captions in models])

    def of_rows(self, image_rows: IntArray, caption_rows: IntArray) -> DoubleArray:
        """Scores the images of some pairs against the captions of others, one to one.

        Args:
            image_rows: (n,) int64, pairs whose images.
            caption_rows: (n,) int64, pairs whose captions; the model is that of their fold.

        Returns:
            (n,) float64.
        """
        scores = np.empty(len(image_rows))
        for start in range(0, len(scores), _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            images = self._features.image_index[image_rows[part]]
            captions = self._features.caption_index[caption_rows[part]]
            model = self._held_out.fold[caption_rows[part]]
            # n pair, j dimension
            cosines = np.einsum(
                "nj,nj->n",
                np.asarray(self._held_out.images[model, images], dtype=np.float32),
                np.asarray(self._held_out.captions[model, captions], dtype=np.float32),
            )
            hubness = (self.image_hubness[model, images] + self.caption_hubness[model, captions]) / 2
            scores[part] = cosines / _TEMPERATURE - hubness
        return scores

    def block(self, caption_rows: IntArray, images: IntArray, model: int) -> FloatArray:
        """Scores all captions of some pairs of one fold against all of some images: (n, m) float32.

        Args:
            caption_rows: (n,) int64, pairs of fold `model`.
            images: (m,) int64, rows of the images' features.
            model: The fold.
        """
        captions = self._features.caption_index[caption_rows]
        of_captions = np.asarray(self._held_out.captions[model, captions], dtype=np.float32)
        of_images = np.asarray(self._held_out.images[model, images], dtype=np.float32)
        hubness = (self.caption_hubness[model, captions, None] + self.image_hubness[model, images]) / 2
        scores: FloatArray = (of_captions @ of_images.T / _TEMPERATURE - hubness).astype(np.float32)
        return scores


def _hubness(vectors: FloatArray, pool: FloatArray) -> DoubleArray:
    """Log-mean-exp of each vector's scores against the pool, (M,)."""
    others = np.asarray(pool, dtype=np.float32)
    hubness = np.empty(len(vectors))
    for start in range(0, len(vectors), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        logits = np.asarray(vectors[part], dtype=np.float32) @ others.T / _TEMPERATURE
        highest = logits.max(axis=1, keepdims=True)
        hubness[part] = highest[:, 0] + np.log(np.exp(logits - highest).mean(axis=1))
    return hubness
