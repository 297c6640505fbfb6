"""Several scores of a pair into one, by a logistic model that was fitted on decoys."""

from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from crcl_core.detection.decoy_mixture import fit_mixture, mismatch_probabilities
from crcl_core.seeding import numpy_generator
from crcl_core.types import BoolArray, DoubleArray

_INVERSE_PENALTY = 1.0


class _LogisticModel(Protocol):
    """What is used of scikit-learn's LogisticRegression, which has no types."""

    def fit(self, examples: DoubleArray, is_clean: BoolArray, *, sample_weight: DoubleArray) -> Any:  # Any: itself
        """Learns to tell the classes apart."""

    def decision_function(self, examples: DoubleArray) -> DoubleArray:
        """The log odds (N,) of being clean."""


@final
@dataclass(frozen=True, eq=False)
class Fusion:
    """Terms of N pairs and M decoys, fused.

    Attributes:
        score: (N + M,) float64, the log odds of being clean but for a constant; low = bad.
    """

    score: DoubleArray
    _terms: DoubleArray
    _quantiles: DoubleArray
    _models: tuple[_LogisticModel, _LogisticModel]

    def with_term(self, number: int, values: DoubleArray) -> DoubleArray:
        """Scores the pairs as if one term had other values, read on the scale of the values that it was fitted with.

        Args:
            number: Which term, from 0.
            values: (N,) float64.

        Returns:
            (N,) float64.
        """
        n_pairs = len(values)
        quantiles = self._quantiles[:n_pairs].copy()
        term = self._terms[number]
        order = np.argsort(term[~np.isnan(term)])
        known = term[~np.isnan(term)][order], self._quantiles[~np.isnan(term), number][order]
        quantiles[:, number] = np.interp(values, *known)
        return _mean_log_odds(self._models, quantiles)


def fuse_scores(terms: DoubleArray, n_pairs: int, *, guide: DoubleArray, seed: int, n_unused: int = 0) -> Fusion:
    """Weighs terms so that they tell clean pairs from decoys.

    Terms become normal quantiles of their ranks first, so that none counts more for its scale and no outlier decides. A
    logistic model then tells pairs from decoys. Pairs count by how likely they are clean according to `guide`: the
    mismatches among them would teach the model that some mismatches are not. Decoys are halved at random: one model is
    fitted to each half, the other half and all pairs are scored by it, and the pairs' two scores are averaged. So all
    decoys calibrate, and none is scored by a model that was fitted to it.

    Args:
        terms: (T, N + M) float64, of the pairs and behind them the decoys; low = bad. NaN = not known of that pair.
        n_pairs: N.
        guide: (N + M,) float64, a score to begin with, low = bad.
        seed: Of the run.
        n_unused: How many of the decoys, the last ones, nothing is fitted to; they are scored like pairs.

    Raises:
        ValueError: There are fewer than two decoys or no pair.
    """
    n_decoys = terms.shape[1] - n_pairs - n_unused
    if n_decoys < 2 or n_pairs < 1:
        raise ValueError(f"{n_pairs} pairs and {n_decoys} decoys, expected one pair or more and two decoys or more")
    quantiles = np.stack([normal_quantiles(term) for term in terms]).T  # (N + M, T)
    end = n_pairs + n_decoys
    of_pairs, of_decoys = guide[:n_pairs], guide[n_pairs:end]
    weights = 1 - mismatch_probabilities(fit_mixture(of_pairs, of_decoys), of_pairs, of_decoys)
    if weights.sum() < 1:
        weights = np.ones(n_pairs)  # Nothing looks clean, so nothing tells which pairs to learn from.
    is_first = numpy_generator(seed, "fusion").permutation(n_decoys) < n_decoys // 2
    used = quantiles[:end]
    models = (_fitted(used, n_pairs, weights, is_first), _fitted(used, n_pairs, weights, ~is_first))
    by_first, by_second = (model.decision_function(quantiles[n_pairs:end]) for model in models)
    score = _mean_log_odds(models, quantiles)
    score[n_pairs:end] = np.where(is_first, by_second, by_first)
    return Fusion(score, terms, quantiles, models)


def normal_quantiles(term: DoubleArray) -> DoubleArray:
    """Normal quantiles of the ranks among what is known, (N,) float64; 0, the middle, where it is NaN."""
    is_known = ~np.isnan(term)
    quantiles = np.zeros(len(term))
    if is_known.any():
        quantiles[is_known] = ndtri((rankdata(term[is_known]) - 0.5) / is_known.sum())
    return quantiles


def _fitted(quantiles: DoubleArray, n_pairs: int, weights: DoubleArray, is_used: BoolArray) -> _LogisticModel:
    # scikit-learn takes a second to import, and not every user of this package fuses scores.
    from sklearn.linear_model import LogisticRegression

    examples = np.concatenate((quantiles[:n_pairs], quantiles[n_pairs:][is_used]))
    is_clean = np.arange(len(examples)) < n_pairs
    n_used = int(is_used.sum())
    # The two classes weigh the same; what is fitted is an order, and its level is calibrated afterwards.
    of_decoys = np.full(n_used, weights.sum() / n_used)
    model: _LogisticModel = LogisticRegression(C=_INVERSE_PENALTY)
    model.fit(examples, is_clean, sample_weight=np.concatenate((weights, of_decoys)))
    return model


def _mean_log_odds(models: tuple[_LogisticModel, _LogisticModel], quantiles: DoubleArray) -> DoubleArray:
    first, second = (model.decision_function(quantiles) for model in models)
    mean: DoubleArray = (first + second) / 2
    return mean
