"""How likely the best candidate of a search is the right one, learned from pairs that surely match."""

from dataclasses import dataclass
from typing import Self, final

import numpy as np

from crcl_core.explanation.candidates import NOTHING, Candidates
from crcl_core.types import DoubleArray, FloatArray

MIN_SURE_PAIRS = 50
# The topmost of a few searches is right or wrong by chance, so a knot is the mean over this many at least.
_MIN_A_KNOT = 25
_MAX_KNOTS = 20


@final
@dataclass(frozen=True, eq=False)
class CandidateCurve:
    """A probability that rises with the cosine: linear between knots, level outside.

    The best of many candidates has a high cosine even where all are wrong, so the curve of single pairs would flatter
    it. Here a sure pair is searched twice: with its own caption in the pool, where the best is right if it is the
    pair's own, and without, where the best is wrong. Both weigh the same, as though the right caption were in the
    corpus in one case of two, and once. Where an image lost several captions to others, each of them would be right,
    so there the curve says too little.

    Attributes:
        similarity: Knots, rising.
        probability: At the knots, never falling.
    """

    similarity: DoubleArray
    probability: DoubleArray

    @classmethod
    def fit(cls, sure: Candidates) -> Self | None:
        """Fits the curve to the candidates of pairs that surely match; None where there are too few.

        Args:
            sure: Their own cosines, and the best among what belongs to others.
        """
        is_there = sure.best != NOTHING
        if is_there.sum() < MIN_SURE_PAIRS:
            return None
        # scikit-learn takes a second to import, and not every user of this package fits a curve.
        from sklearn.isotonic import IsotonicRegression

        own, other = sure.own[is_there].astype(np.float64), sure.similarity[is_there].astype(np.float64)
        best = np.concatenate([np.maximum(own, other), other])
        is_right = np.concatenate([own >= other, np.zeros(len(other), dtype=bool)])
        by_cosine = np.argsort(best, kind="stable")
        groups = np.array_split(by_cosine, min(_MAX_KNOTS, len(best) // _MIN_A_KNOT))
        knots = np.array([best[group].mean() for group in groups])
        shares = np.array([is_right[group].mean() for group in groups])
        return cls(knots, IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(knots, shares))

    def __call__(self, similarities: FloatArray) -> DoubleArray:
        """The probabilities (n,) float64 of cosines (n,)."""
        return np.interp(similarities, self.similarity, self.probability)
