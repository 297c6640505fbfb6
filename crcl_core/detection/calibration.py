"""Scores into probabilities: how likely each pair matches, calibrated on decoys."""

from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np

from crcl_core.detection.decoy_mixture import fit_mixture, mismatch_probabilities
from crcl_core.detection.decoys import MIN_DECOYS
from crcl_core.detection.mismatch_rate import MismatchRate, rate_with_interval
from crcl_core.evaluation import auroc
from crcl_core.types import DoubleArray, FloatArray

# The chance that a pair beats a decoy is 0.5 where nothing was learned, and 0.5 + 0.45 (1 - rate) where all was: below
# this, no pair can be told from a mismatch, or more than nine in ten are one.
_LEAST_SEPARATION = 0.53
# A noise rate that is known no better than this says little, and so does one near 1: few clean pairs are left to know.
_WIDEST_INTERVAL = 0.3
_HIGHEST_RATE = 0.9


class Reliability(StrEnum):
    """How far the calibrated numbers of a run can be trusted."""

    OK = "ok"
    WEAK = "weak"
    INSUFFICIENT = "insufficient"


class ReliabilityReason(StrEnum):
    """Why they cannot."""

    NOT_PLANTED = "not_planted"  # The run planted no decoys.
    TOO_FEW_DECOYS = "too_few_decoys"  # The corpus is small, or its captions or images are all alike.
    NOT_SEPARABLE = "not_separable"  # Pairs score like decoys: nothing was learned, or nearly all pairs mismatch.
    WIDE_INTERVAL = "wide_interval"  # The noise rate is known poorly.
    MOSTLY_MISMATCHED = "mostly_mismatched"  # Few clean pairs are left to learn from.


@final
@dataclass(frozen=True, eq=False)
class Calibration:
    """What decoys say of the scores of N pairs.

    Attributes:
        correspondence: (N,) float32 in [0, 1], the probability that a pair matches; rises with the score.
        rate: The share of mismatched pairs.
        separation: Chance that a random pair, of whatever kind, scores above a random decoy.
        reliability: Whether to trust the numbers.
        reason: Why not; None where they are ok.
    """

    correspondence: FloatArray
    rate: MismatchRate
    separation: float
    reliability: Reliability
    reason: ReliabilityReason | None


def calibrate(scores: DoubleArray, decoy_scores: DoubleArray, *, seed: int) -> Calibration | None:
    """Turns scores into probabilities of a match.

    The probability is that of `DecoyMixture` at the pair's place among the decoys, made monotone.

    Args:
        scores: (N,) float64 of the pairs, low = bad.
        decoy_scores: (M,) float64 of the decoys.
        seed: Of the run.

    Returns:
        None where there are fewer than 200 decoys or no pair: nothing can be said.
    """
    if len(decoy_scores) < MIN_DECOYS or not len(scores):
        return None
    mixture = fit_mixture(scores, decoy_scores)
    rate = rate_with_interval(mixture, scores, decoy_scores, seed=seed)
    separation = _separation(scores, decoy_scores)
    reliability, reason = judge_reliability(rate, separation)
    correspondence = (1 - mismatch_probabilities(mixture, scores, decoy_scores)).astype(np.float32)
    return Calibration(correspondence, rate, separation, reliability, reason)


def judge_reliability(rate: MismatchRate, separation: float) -> tuple[Reliability, ReliabilityReason | None]:
    """Says whether calibrated numbers can be trusted, and why not."""
    if separation < _LEAST_SEPARATION:
        return Reliability.INSUFFICIENT, ReliabilityReason.NOT_SEPARABLE
    if rate.high >= _HIGHEST_RATE:
        return Reliability.WEAK, ReliabilityReason.MOSTLY_MISMATCHED
    if rate.high - rate.low > _WIDEST_INTERVAL:
        return Reliability.WEAK, ReliabilityReason.WIDE_INTERVAL
    return Reliability.OK, None


def _separation(scores: DoubleArray, decoy_scores: DoubleArray) -> float:
    is_pair = np.arange(len(scores) + len(decoy_scores)) < len(scores)
    return auroc(np.concatenate((scores, decoy_scores)), is_pair)
