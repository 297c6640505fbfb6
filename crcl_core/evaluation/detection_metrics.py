"""How well a score tells clean pairs from mismatched ones: AUROC, average precision, F1 at the true rate."""

from typing import Any

import numpy as np
import numpy.typing as npt

from crcl_core.types import BoolArray, DoubleArray

_Floats = npt.NDArray[Any]


def auroc(score: _Floats, is_clean: BoolArray) -> float:
    """Computes the area under the ROC curve of "this pair is clean".

    It is the chance that a random clean pair scores higher than a random mismatched one, ties counting half
    (mid-ranks).

    Args:
        score: (N,) float, low = bad, as everywhere here; may be infinite, not NaN.
        is_clean: (N,) bool, the truth.

    Returns:
        Area in [0, 1]; 0.5 = chance.

    Raises:
        ValueError: A shape or NaN is wrong, or one class is missing, where no area exists.
    """
    checked, is_positive = _check(score, is_clean)
    n_clean = int(np.count_nonzero(is_positive))
    n_mismatched = len(checked) - n_clean
    if not n_clean or not n_mismatched:
        raise ValueError(f"AUROC needs both classes; there are {n_clean} clean and {n_mismatched} mismatched pairs")
    rank_sum = float(_mid_ranks(checked)[is_positive].sum())
    return (rank_sum - n_clean * (n_clean + 1) / 2) / (n_clean * n_mismatched)


def average_precision(score: _Floats, is_mismatch: BoolArray) -> float:
    """Computes the average precision of finding the mismatched pairs, the lowest scores first.

    The sum over distinct thresholds of (recall gained at the threshold) x (precision there). Pairs of one score are
    one step, so their order cannot matter; nothing is interpolated.

    Args:
        score: (N,) float, low = bad; may be infinite, not NaN.
        is_mismatch: (N,) bool, the truth; positive = mismatch.

    Returns:
        Average precision in (0, 1]; the share of mismatches = chance.

    Raises:
        ValueError: A shape or NaN is wrong, or there is no mismatch to find.
    """
    checked, is_positive = _check(score, is_mismatch)
    n_mismatched = int(np.count_nonzero(is_positive))
    if not n_mismatched:
        raise ValueError(f"average precision needs a mismatched pair; there is none among {len(checked)} pairs")
    order = np.argsort(checked, kind="stable")
    last_of_score = _last_of_each_score(checked[order])
    n_found = np.cumsum(is_positive[order])[last_of_score]
    precision = n_found / (last_of_score + 1)
    recall_gained = np.diff(n_found, prepend=0) / n_mismatched
    return float((precision * recall_gained).sum())


def f1_at_true_rate(score: _Floats, is_mismatch: BoolArray) -> float:
    """Computes the F1 of flagging the lowest scores, as many as there are mismatched pairs.

    With as many flags as mismatches precision, recall and F1 are one number. Where the last flags fall among pairs of
    one score, it is the mean over all choices among them: the flags left times the share of mismatches there. So the
    order of the pairs cannot matter.

    Args:
        score: (N,) float, low = bad; may be infinite, not NaN.
        is_mismatch: (N,) bool, the truth; positive = mismatch.

    Returns:
        F1 in [0, 1]; the share of mismatches = chance.

    Raises:
        ValueError: A shape or NaN is wrong, or there is no mismatch to find.
    """
    checked, is_positive = _check(score, is_mismatch)
    n_mismatched = int(np.count_nonzero(is_positive))
    if not n_mismatched:
        raise ValueError(f"F1 at the true rate needs a mismatched pair; there is none among {len(checked)} pairs")
    threshold = np.partition(checked, n_mismatched - 1)[n_mismatched - 1]
    is_below, is_tied = checked < threshold, checked == threshold
    n_left = n_mismatched - np.count_nonzero(is_below)
    n_found = np.count_nonzero(is_positive & is_below) + n_left * float(is_positive[is_tied].mean())
    return float(n_found) / n_mismatched


def _check(score: _Floats, truth: BoolArray) -> tuple[_Floats, BoolArray]:
    score, truth = np.asarray(score), np.asarray(truth)
    if score.ndim != 1 or score.shape != truth.shape:
        raise ValueError(f"score has shape {score.shape} and the truth {truth.shape}, expected (n_pairs,) for both")
    if truth.dtype != np.bool_:
        raise ValueError(f"the truth has dtype {truth.dtype}, expected bool")
    if np.isnan(score).any():
        raise ValueError(f"{np.count_nonzero(np.isnan(score))} of {len(score)} scores are NaN; expected numbers")
    return score, truth


def _mid_ranks(values: _Floats) -> DoubleArray:
    """Ranks from 1; equal values share the mean of the ranks that they span."""
    order = np.argsort(values, kind="stable")
    last = _last_of_each_score(values[order])
    first = np.concatenate([[0], last[:-1] + 1])
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((first + last) / 2 + 1, last - first + 1)
    return ranks


def _last_of_each_score(ordered: _Floats) -> npt.NDArray[np.intp]:
    """Positions of the last element of every run of equal values."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
