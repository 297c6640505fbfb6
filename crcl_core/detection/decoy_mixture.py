"""The scores of a corpus as a mixture of mismatches, which score like decoys, and clean pairs, which score higher."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, ndtr, ndtri

from crcl_core.types import DoubleArray, IntArray

_N_BINS = 20
_EDGES = np.linspace(0.0, 1.0, _N_BINS + 1)
# The normal quantiles of the edges; the outer two are not infinite, so that nothing is infinity less infinity.
_EDGE_QUANTILES = ndtri(_EDGES.clip(1e-9, 1 - 1e-9))
# What is searched for: the logit of the rate, and the logarithms of how far the clean pairs lie above the decoys and of
# the decoys' spread to theirs. Clean pairs within 0.7 deviations of the decoys would pass for mismatches in any case.
_BOUNDS = ((-8.0, 8.0), (np.log(0.7), np.log(6.0)), (np.log(0.3), np.log(2.5)))
_START_RATES = (0.05, 0.5, 0.9)
# Beforehand the clean pairs lie 2.6 deviations above (AUROC 0.97) and are spread as the decoys are. A spread known
# within 1 instead of 0.3 gave estimates whose deviation was 0.064 instead of 0.025 (simulated, 60 % noise, 600 decoys);
# within 0.3, one run of six with 300 decoys took 0.29 for 0.40, and within 0.15 the same run 0.33.
_EXPECTED = np.array([np.log(2.6), 0.0])
_EXPECTED_WITHIN = np.array([0.4, 0.15])


@final
@dataclass(frozen=True)
class DecoyMixture:
    """A uniform part and a binormal curve over the places of pairs among the decoys.

    Attributes:
        rate: Share of the uniform part, the mismatches, in [0, 1].
        distance: How far the clean pairs lie above the decoys, in the clean pairs' deviations; the curve's a.
        spread: The decoys' deviation over the clean pairs'; the curve's b.

    Source: the binormal ROC curve is Dorfman and Alf's (1969); the uniform part is Storey's null proportion (2002).
    """

    rate: float
    distance: float
    spread: float

    def clean_shares(self) -> DoubleArray:
        """The shares of clean pairs in 20 equal bins of places: (20,), adding to 1."""
        below = ndtr(self.spread * _EDGE_QUANTILES - self.distance)
        below[0], below[-1] = 0.0, 1.0
        return np.diff(below)

    def mismatch_probability(self, places: DoubleArray) -> DoubleArray:
        """The share of mismatches among the pairs at a place: (N,) in (0, 1) -> (N,) in [0, 1]."""
        quantiles = ndtri(places)
        # The density of clean pairs over that of mismatches, as logarithm; at the ends it would overflow.
        evidence = np.log(self.spread) - ((self.spread * quantiles - self.distance) ** 2 - quantiles**2) / 2
        probabilities: DoubleArray = expit(logit(self.rate) - evidence)
        return probabilities


def places_among_decoys(scores: DoubleArray, decoy_scores: DoubleArray) -> DoubleArray:
    """The share of decoys below each score, ties counting half: (N,) and (M,) float64 -> (N,) in [0, 1].

    A mismatch that is exchangeable with the decoys has a place that is uniform in [0, 1].
    """
    ordered = np.sort(decoy_scores)
    below = np.searchsorted(ordered, scores, side="left")
    not_above = np.searchsorted(ordered, scores, side="right")
    return (below + not_above) / (2 * len(ordered))


def fit_mixture(
    scores: DoubleArray, decoy_scores: DoubleArray, start_rates: tuple[float, ...] = _START_RATES
) -> DecoyMixture:
    """Fits the mixture to all pairs, so that it does not hang on the few decoys below some threshold.

    The counts in 20 bins are taken for normal, with the variance of the pairs' counts and that of the decoys, which is
    the larger: a bin's width is known from M / 20 decoys alone.

    Args:
        scores: (N,) float64 of the pairs, low = bad; at least one.
        decoy_scores: (M,) float64 of the decoys; at least one.
        start_rates: Where the search begins; the best end wins.
    """
    n_pairs, n_decoys = len(scores), len(decoy_scores)
    shares = _bin_counts(places_among_decoys(scores, decoy_scores)) / n_pairs

    def loss(parameters: DoubleArray) -> float:
        mixture = _mixture(parameters)
        expected = (mixture.rate / _N_BINS + (1 - mixture.rate) * mixture.clean_shares()).clip(min=1e-9)
        variance = expected / n_pairs + _N_BINS * expected**2 / n_decoys
        of_counts = ((shares - expected) ** 2 / variance + np.log(variance)).sum()
        return float(of_counts + (((parameters[1:] - _EXPECTED) / _EXPECTED_WITHIN) ** 2).sum())

    starts = [(float(logit(rate)), *_EXPECTED) for rate in np.clip(start_rates, *expit(_BOUNDS[0]))]
    fits = [minimize(loss, start, method="L-BFGS-B", bounds=_BOUNDS) for start in starts]
    best = min(fits, key=lambda fit: float(fit.fun)).x
    # At an end of what is searched the rate is none, or all.
    ends = {_BOUNDS[0][0]: -np.inf, _BOUNDS[0][1]: np.inf}
    return _mixture(np.array([ends.get(float(best[0]), best[0]), *best[1:]]))


def mismatch_probabilities(mixture: DecoyMixture, scores: DoubleArray, decoy_scores: DoubleArray) -> DoubleArray:
    """How likely each of N scores is a mismatch's: (N,) in [0, 1], never rising with the score."""
    # Beyond the outermost decoys a place is not known to be 0 or 1, only to lie within half a decoy of it.
    margin = 1 / (4 * len(decoy_scores))
    places = places_among_decoys(scores, decoy_scores).clip(margin, 1 - margin)
    probabilities = mixture.mismatch_probability(places)
    # A curve whose parts differ in spread bends back at one end, where the wider part is above the other again.
    order = np.argsort(-places, kind="stable")
    probabilities[order] = np.maximum.accumulate(probabilities[order])
    return probabilities


def _mixture(parameters: DoubleArray) -> DecoyMixture:
    return DecoyMixture(float(expit(parameters[0])), float(np.exp(parameters[1])), float(np.exp(parameters[2])))


def _bin_counts(places: DoubleArray) -> IntArray:
    return np.bincount(np.minimum((places * _N_BINS).astype(np.int64), _N_BINS - 1), minlength=_N_BINS)
