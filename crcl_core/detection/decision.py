"""Where to cut a calibrated score, and what to expect of the cut."""

import numpy as np

from crcl_core.types import FloatArray


def threshold_at_fdr(correspondence: FloatArray, fdr: float) -> float:
    """The largest threshold at which at most a share `fdr` of the flags is expected to be wrong.

    A pair below the threshold is flagged, and a flag is wrong with the probability `correspondence`, so the expected
    false discovery rate of a cut is the mean correspondence of what it flags. Pairs of one value are flagged together.

    Args:
        correspondence: (N,) float32 in [0, 1], calibrated.
        fdr: In (0, 1).

    Returns:
        A threshold in [0, 1]; 0 where no pair can be flagged.

    Raises:
        ValueError: fdr is outside (0, 1).
    """
    if not 0 < fdr < 1:
        raise ValueError(f"fdr is {fdr}, expected a number above 0 and below 1")
    if not len(correspondence):
        return 0.0
    ordered = np.sort(correspondence)
    # The values at which a cut may lie: each distinct one flags what lies below it.
    values, n_below = np.unique(ordered, return_index=True)
    sums = np.concatenate(([0.0], np.cumsum(ordered, dtype=np.float64)))
    above, n_flagged = np.append(values[1:], np.nextafter(ordered[-1:], 2.0)), np.append(n_below[1:], len(ordered))
    is_allowed = sums[n_flagged] <= fdr * n_flagged
    if not is_allowed.any():
        return 0.0
    return min(1.0, float(above[np.flatnonzero(is_allowed)[-1]]))


def expected_precision(correspondence: FloatArray, threshold: float) -> float | None:
    """The share of flags that is expected to be right at a threshold, in [0, 1]; None where nothing is flagged."""
    flagged = correspondence[correspondence < np.float32(threshold)]
    return float(1 - flagged.mean(dtype=np.float64)) if len(flagged) else None


def expected_recall(correspondence: FloatArray, threshold: float) -> float | None:
    """The share of mismatches that is expected to be flagged at a threshold, in [0, 1]; None where none is expected."""
    mismatch = 1 - correspondence.astype(np.float64)
    total = mismatch.sum()
    return float(mismatch[correspondence < np.float32(threshold)].sum() / total) if total > 0 else None
