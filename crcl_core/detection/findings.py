"""What a training found out about each pair: a probability where decoys were planted, else the label as it is."""

from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.detection.calibration import Calibration, Reliability, ReliabilityReason, calibrate
from crcl_core.detection.decision import threshold_at_fdr
from crcl_core.types import DoubleArray, FloatArray

# The paper's floor: below it SCC itself takes a pair for mismatched.
UNCALIBRATED_THRESHOLD = 0.1
_LIKELIER_RIGHT = 0.5


@final
@dataclass(frozen=True, eq=False)
class Findings:
    """The findings on N pairs.

    Attributes:
        correspondence: (N,) float32 in [0, 1], low = bad: the probability of a match, or the unfloored label where
            there is no calibration.
        rank_score: (N,) float64, low = bad: what the correspondence rises with. It orders pairs of one correspondence.
        low: (N,) float32 in [0, 1], the lowest correspondence that one round alone would give; None where there is no
            calibration, or one round.
        high: (N,) float32 in [0, 1], the highest.
        near_decoys: (K,) float32 in [0, 1], the correspondence of near decoys; None without calibration.
        n_decoys: How many uniform decoys; they are in no other field.
        calibration: None where decoys say nothing.
        reliability: Whether to trust the calibration.
        reason: Why not.
    """

    correspondence: FloatArray
    rank_score: DoubleArray
    n_decoys: int
    calibration: Calibration | None
    reliability: Reliability
    reason: ReliabilityReason | None
    low: FloatArray | None = None
    high: FloatArray | None = None
    near_decoys: FloatArray | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether `correspondence` is a probability."""
        return self.calibration is not None

    def default_threshold(self, fdr: float) -> float:
        """The cut at a false discovery rate, or the paper's floor where nothing is known of one.

        Where the score separates well, the rate would leave room to flag pairs that are likelier right than wrong; by
        default none of those is flagged.
        """
        if not self.is_calibrated:
            return UNCALIBRATED_THRESHOLD
        return min(threshold_at_fdr(self.correspondence, fdr), _LIKELIER_RIGHT)


def find_mismatches(
    scores: DoubleArray,
    n_pairs: int,
    *,
    seed: int,
    is_planted: bool = False,
    labels: DoubleArray | None = None,
    by_round: DoubleArray | None = None,
    n_near: int = 0,
) -> Findings:
    """Calibrates the scores of a training.

    A calibration that cannot be trusted at all is dropped: a rate and probabilities that say "all mismatch" of a corpus
    where nothing was learned would be taken at their word.

    Args:
        scores: (N + M,) float64 of the pairs and, behind them, the decoys; low = bad.
        n_pairs: N.
        seed: Of the run.
        is_planted: Whether decoys were to be planted, so that none means that there could be none.
        labels: (N + M,) in [0, 1], the unfloored labels, which stand in where the scores cannot be calibrated; None
            where they are the scores.
        by_round: (V, N) float64, the pairs' scores by V rounds alone.
        n_near: How many of the decoys, the last ones, are near and calibrate nothing.
    """
    labels = scores if labels is None else labels
    end = len(scores) - n_near
    of_pairs, of_decoys = scores[:n_pairs], scores[n_pairs:end]
    calibration = calibrate(of_pairs, of_decoys, seed=seed)
    if calibration is None:
        reason = ReliabilityReason.TOO_FEW_DECOYS if is_planted or len(of_decoys) else ReliabilityReason.NOT_PLANTED
        return _uncalibrated(labels[:n_pairs], len(of_decoys), reason)
    if calibration.reliability is Reliability.INSUFFICIENT:
        assert calibration.reason is not None
        return _uncalibrated(labels[:n_pairs], len(of_decoys), calibration.reason)
    low, high = _range(calibration.correspondence, of_pairs, by_round)
    return Findings(
        correspondence=calibration.correspondence,
        low=low,
        high=high,
        near_decoys=_on_the_scale(scores[end:], calibration.correspondence, of_pairs),
        rank_score=of_pairs,
        n_decoys=len(of_decoys),
        calibration=calibration,
        reliability=calibration.reliability,
        reason=calibration.reason,
    )


def _range(
    correspondence: FloatArray, scores: DoubleArray, by_round: DoubleArray | None
) -> tuple[FloatArray, FloatArray] | tuple[None, None]:
    """What the rounds' scores would be as correspondence, and the pair's own, from the lowest to the highest."""
    if by_round is None:
        return None, None
    low, high = (
        _on_the_scale(extreme, correspondence, scores) for extreme in (by_round.min(axis=0), by_round.max(axis=0))
    )
    return np.minimum(low, correspondence), np.maximum(high, correspondence)


def _on_the_scale(others: DoubleArray, correspondence: FloatArray, scores: DoubleArray) -> FloatArray:
    """The correspondence of other scores, read between those of the pairs."""
    order = np.argsort(scores)
    return np.interp(others, scores[order], correspondence[order]).astype(np.float32)


def _uncalibrated(labels: DoubleArray, n_decoys: int, reason: ReliabilityReason) -> Findings:
    return Findings(
        correspondence=labels.clip(0.0, 1.0).astype(np.float32),
        rank_score=labels,
        n_decoys=n_decoys,
        calibration=None,
        reliability=Reliability.INSUFFICIENT,
        reason=reason,
    )
