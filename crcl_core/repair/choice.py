"""How likely each candidate is the true one, and how likely none is."""

from typing import final

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from crcl_core.repair.candidates import NOBODY, START_WEIGHTS, Candidates
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray

FEWEST_PLAYS = 50
_RIDGE = 1e-3
_N_EM_STEPS = 200
_SURE = 0.99


@final
class CandidateChoice:
    """Weighs the candidates of a caption against each other, and the chance that the true image is among them.

    Both are fitted where the truth is known, by playing the same search for pairs as if their caption had lost its
    image: the best of thousands is often not the true one, and how often it is at such signs is what is learned. Which
    candidate it is follows a softmax over the weighted signs. Whether it is any of them is told by how far the first is
    ahead, from plays with the true image among the candidates and the same plays without it.

    Args:
        plays: What the search found for pairs with their own image hidden among the candidates. Pairs must be drawn
            with chances that are proportional to their correspondence: then they are as hard as right pairs are.
        true_images: (n,) int64, their images.

    Raises:
        ValueError: Fewer than 50 plays have their image among the candidates.
    """

    def __init__(self, plays: Candidates, true_images: IntArray) -> None:
        is_true = plays.images == true_images[:, None]  # (n, K)
        is_found = is_true.any(axis=1)
        if is_found.sum() < FEWEST_PLAYS:
            raise ValueError(f"{is_found.sum()} plays found their image, expected {FEWEST_PLAYS} or more")
        self._weights = _fit_weights(plays, is_true, is_found)
        is_there = plays.images != NOBODY
        leads = np.concatenate((self._lead(plays, is_there), self._lead(plays, is_there & ~is_true)))
        is_any = np.concatenate((is_found, np.zeros(len(is_found), dtype=np.bool_)))
        self._any = LogisticRegression().fit(leads, is_any)
        self._prior = float(is_any.mean())

    def probabilities(self, candidates: Candidates, correspondence: FloatArray) -> DoubleArray:
        """How likely each candidate is the true image: (n, K) float64, 0 where there is none.

        How many captions have their image among the candidates at all is read off the captions themselves, by
        expectation and maximisation, for nobody knows how many images the corpus lacks. It reads a little low, so
        the probabilities rather understate.

        Args:
            candidates: Found in the same way as the plays.
            correspondence: (n,) float32, how likely each caption is right where it stands: then it is none.
        """
        is_there = candidates.images != NOBODY
        if not is_there.any():
            return np.zeros(candidates.images.shape)
        learned = self._any.predict_proba(self._lead(candidates, is_there))[:, 1].clip(1 - _SURE, _SURE)
        any_odds, none_odds = learned / self._prior, (1 - learned) / (1 - self._prior)
        is_wrong = 1 - correspondence.astype(np.float64).clip(0, _SURE)
        share, is_any = 0.5, learned
        for _ in range(_N_EM_STEPS):
            prior = (share * is_wrong).clip(1 - _SURE, _SURE)
            is_any = any_odds * prior / (any_odds * prior + none_odds * (1 - prior))
            share = float(np.clip(is_any.sum() / is_wrong.sum(), 1 - _SURE, _SURE))
        probabilities: DoubleArray = self._within(candidates, is_there) * is_any[:, None]
        return probabilities

    def _within(self, candidates: Candidates, is_there: BoolArray) -> DoubleArray:
        """(n, K): how likely each is, if it is one of them."""
        utility = np.where(is_there, candidates.signs.astype(np.float64) @ self._weights, -np.inf)
        return _softmax(utility)

    def _lead(self, candidates: Candidates, is_there: BoolArray) -> DoubleArray:
        """(n, 2): log share of the first, and entropy. Neither moves when all candidates of a caption score lower."""
        share = self._within(candidates, is_there)
        logs = np.log(np.maximum(share, 1e-12))
        return np.stack((logs.max(axis=1), -(share * logs).sum(axis=1)), axis=1)


def _fit_weights(plays: Candidates, is_true: BoolArray, is_found: BoolArray) -> DoubleArray:
    signs, is_there = plays.signs[is_found].astype(np.float64), plays.images[is_found] != NOBODY
    target = is_true[is_found].argmax(axis=1)
    places = np.arange(len(target))

    def loss(weights: DoubleArray) -> tuple[float, DoubleArray]:
        share = _softmax(np.where(is_there, signs @ weights, -np.inf))
        away = weights - START_WEIGHTS
        total = -float(np.log(np.maximum(share[places, target], 1e-300)).mean()) + _RIDGE * float(away @ away)
        share[places, target] -= 1
        # n play, k candidate, d sign
        return total, np.einsum("nk,nkd->d", share, signs) / len(target) + 2 * _RIDGE * away

    weights: DoubleArray = minimize(loss, START_WEIGHTS, jac=True, method="L-BFGS-B").x
    return weights


def _softmax(utility: DoubleArray) -> DoubleArray:
    """Over rows; a row of -inf alone is all 0."""
    highest = utility.max(axis=1, keepdims=True)
    powers = np.exp(utility - np.where(np.isfinite(highest), highest, 0))
    share: DoubleArray = powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-300)
    return share
