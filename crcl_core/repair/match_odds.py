"""Scores of images against captions as the odds that they match."""

from typing import Protocol, final

import numpy as np
from sklearn.linear_model import LogisticRegression

from crcl_core.data import PairFeatures
from crcl_core.seeding import numpy_generator
from crcl_core.types import BoolArray, DoubleArray, IntArray

_MOST_SAMPLED = 5_000
# A single pair never says more than e^6 for or against: the odds far out are extrapolated.
_HIGHEST_LOG_ODDS = 6.0
_FEWEST_TO_FIT = 20


class PairScores(Protocol):
    """Scores of images against captions, high = match."""

    def of_rows(self, image_rows: IntArray, caption_rows: IntArray) -> DoubleArray:
        """Scores the images of some pairs against the captions of others, one to one; (n,) float64."""
        ...


@final
class MatchOdds:
    """Scores as evidence: log of how much likelier a score is where image and caption match than where they do not.

    Matches are the pairs that are not flagged. Mismatches are images beside
    captions a few pairs away, not any two: where a corpus is sorted, neighbours are alike, and a caption that fits the
    next image by chance must not count for more than it does.

    Args:
        scores: Of the corpus, by whomever.
        features: The corpus.
        is_flagged: (N,) bool.
        nearby: Pairs up to so far apart are taken for mismatches.
        seed: Of the run.
    """

    def __init__(
        self, scores: PairScores, features: PairFeatures, is_flagged: BoolArray, *, nearby: int, seed: int
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
