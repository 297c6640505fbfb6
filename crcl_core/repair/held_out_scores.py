"""How well any image fits any caption, to a model that did not see the caption's pair, and the odds that they match."""

from typing import final

import numpy as np
from sklearn.linear_model import LogisticRegression

from crcl_core.data import PairFeatures
from crcl_core.detection import HeldOutEmbeddings
from crcl_core.seeding import numpy_generator
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray

_N_POOL = 1_000
_TEMPERATURE = 0.05
_BLOCK_ROWS = 4_096
_MOST_SAMPLED = 5_000
# A single pair never says more than e^6 for or against: the odds far out are extrapolated.
_HIGHEST_LOG_ODDS = 6.0
_FEWEST_TO_FIT = 20


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


@final
class MatchOdds:
    """Scores as evidence: log of how much likelier a score is where image and caption match than where they do not.

    Matches are the pairs that are not flagged, scored by the model that did not see them. Mismatches are images beside
    captions a few pairs away, not any two: where a corpus is sorted, neighbours are alike, and a caption that fits the
    next image by chance must not count for more than it does.

    Args:
        scores: Of the corpus.
        features: The corpus.
        is_flagged: (N,) bool.
        nearby: Pairs up to so far apart are taken for mismatches.
        seed: Of the run.
    """

    def __init__(
        self, scores: HeldOutScores, features: PairFeatures, is_flagged: BoolArray, *, nearby: int, seed: int
    ) -> None:
        random = numpy_generator(seed, "match odds")
        matches = random.permutation(np.flatnonzero(~is_flagged))[:_MOST_SAMPLED]
        images, captions = nearby_mismatches(features, nearby, random)
        self._slope, self._offset = 0.0, 0.0
        self.is_known = min(len(matches), len(images)) >= _FEWEST_TO_FIT
        if self.is_known:
            values = np.concatenate((scores.of_rows(matches, matches), scores.of_rows(images, captions)))
            is_match = np.arange(len(values)) < len(matches)
            fitted = LogisticRegression(class_weight="balanced").fit(values[:, None], is_match)
            # A score that falls with the match has learned nothing.
            self._slope = max(float(fitted.coef_[0, 0]), 0.0)
            self._offset = float(fitted.intercept_[0]) if self._slope else 0.0

    def __call__(self, scores: DoubleArray) -> DoubleArray:
        """(n,) float64 log odds, of which 0 says nothing."""
        return (self._offset + self._slope * scores).clip(-_HIGHEST_LOG_ODDS, _HIGHEST_LOG_ODDS)


def nearby_mismatches(features: PairFeatures, nearby: int, random: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Draws rows of images and of captions at most `nearby` apart that belong to no common image or caption."""
    n_pairs = features.n_pairs
    rows = random.integers(0, max(n_pairs, 1), min(n_pairs * nearby, _MOST_SAMPLED))
    others = rows + random.integers(1, nearby + 1, len(rows)) * random.choice((-1, 1), len(rows))
    is_inside = (others >= 0) & (others < n_pairs)
    rows, others = rows[is_inside], others[is_inside]
    is_apart = ~are_alike(features, rows, others)
    return rows[is_apart], others[is_apart]


def are_alike(features: PairFeatures, rows: IntArray, others: IntArray) -> BoolArray:
    """Whether two pairs share their image or their caption, so that exchanging captions changes nothing."""
    is_alike: BoolArray = (features.image_index[rows] == features.image_index[others]) | (
        features.caption_index[rows] == features.caption_index[others]
    )
    return is_alike


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
