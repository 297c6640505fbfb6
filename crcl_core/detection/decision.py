"""Where to cut a calibrated score."""

import numpy as np

from crcl_core.types import FloatArray


def threshold_at_fdr(correspondence: FloatArray, fdr: float) -> float:
    """The largest threshold at which at most a share `fdr` of the flags is expected to be wrong.

    A pair below the threshold is flagged, and a flag is wrong with the probability `correspondence`, so the expected
    false discovery rate of a cut is the mean correspondence of what it flags. From the lowest up that mean only rises:
    the threshold is the first value that lifts it above the rate, and all pairs of that value stay out.

    Args:
        correspondence: (N,) float32 in [0, 1], calibrated.
        fdr: In (0, 1).

    Returns:
        A threshold in [0, 1]; 1 where every pair may be flagged.

    Raises:
        ValueError: fdr is outside (0, 1).
    """
    if not 0 < fdr < 1:
        raise ValueError(f"fdr is {fdr}, expected a number above 0 and below 1")
    ordered = np.sort(correspondence)
    is_above = np.cumsum(ordered, dtype=np.float64) > fdr * np.arange(1, len(ordered) + 1)
    return float(ordered[is_above.argmax()]) if is_above.any() else 1.0
