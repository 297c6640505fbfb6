"""Tells clean pairs from mismatched ones by their losses: a mixture of two Gaussians, as NCR and its heirs divide."""

import warnings

import numpy as np
from numpy.typing import NDArray

from crcl_core.types import DoubleArray

_MAX_STEPS = 200
# On losses normalised to [0, 1]. Without a smallest variance a component can shrink onto a few equal losses.
_SMALLEST_VARIANCE = 5e-4
# Below this spread, relative to their size, losses differ by rounding alone.
_SMALLEST_SPREAD = 1e-9


def low_loss_posterior(losses: NDArray[np.floating], *, seed: int = 0) -> DoubleArray:
    """Computes how likely each pair belongs to the component of low losses: the clean one.

    Two Gaussians are fitted to the losses, normalised to [0, 1]. Their posterior is not monotone: far out the wider
    component wins on both sides. Ours is: beyond the two means the log odds go on as straight lines.

    Where nothing speaks for two components every pair is taken for clean and the posterior is 1: when the losses are
    constant, when there are fewer than four, or when one Gaussian describes them at least as well as two by the
    Bayesian information criterion. A mixture would otherwise call half of a clean corpus mismatched.

    Args:
        losses: (N,) float, finite; one a pair.
        seed: Of the mixture's start.

    Returns:
        (N,) float64 in [0, 1], falling with the loss.

    Raises:
        ValueError: The losses are not one finite number a pair.

    Source: NCR (NeurIPS 2021), "co-divide", after DivideMix (ICLR 2020). The guard and the monotone tails are ours.
    """
    checked = np.asarray(losses, dtype=np.float64)
    if checked.ndim != 1 or not np.isfinite(checked).all():
        raise ValueError(f"losses have shape {checked.shape}, expected (n_pairs,) finite numbers")
    lowest, highest = (checked.min(), checked.max()) if len(checked) else (0.0, 0.0)
    if len(checked) < 4 or highest - lowest <= _SMALLEST_SPREAD * max(abs(lowest), abs(highest)):
        return np.ones(len(checked))
    return _posterior((checked - lowest) / (highest - lowest), seed)


def _posterior(losses: DoubleArray, seed: int) -> DoubleArray:
    # Imported here: it takes a second, and few trainings divide their pairs.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    column = losses[:, None]
    one, two = (
        GaussianMixture(n, max_iter=_MAX_STEPS, reg_covar=_SMALLEST_VARIANCE, random_state=seed) for n in (1, 2)
    )
    with warnings.catch_warnings():
        # A fit that stopped early is still a division, and a start on few distinct losses is still a start.
        warnings.simplefilter("ignore", ConvergenceWarning)
        one.fit(column)
        two.fit(column)
    if one.bic(column) <= two.bic(column):
        return np.ones(len(losses))
    low, high = np.argsort(two.means_[:, 0])
    log_odds = _monotone_log_odds(
        losses,
        means=(float(two.means_[low, 0]), float(two.means_[high, 0])),
        variances=(float(two.covariances_[low, 0, 0]), float(two.covariances_[high, 0, 0])),
        weights=(float(two.weights_[low]), float(two.weights_[high])),
    )
    # 1 / (1 + exp(-log odds)) in the form that overflows on neither side.
    posterior: DoubleArray = np.exp(-np.logaddexp(0.0, -log_odds))
    return posterior


def _monotone_log_odds(
    losses: DoubleArray, *, means: tuple[float, float], variances: tuple[float, float], weights: tuple[float, float]
) -> DoubleArray:
    """Log odds (N,) of low against high, continued beyond the means by the tangents there, both of which fall."""
    inside = np.clip(losses, *means)
    low, high = (
        np.log(weight) - 0.5 * np.log(variance) - 0.5 * (inside - mean) ** 2 / variance
        for mean, variance, weight in zip(means, variances, weights, strict=True)
    )
    distance = means[1] - means[0]
    slope = np.where(losses < means[0], distance / variances[1], distance / variances[0])
    log_odds: DoubleArray = low - high - slope * (losses - inside)
    return log_odds
