"""Whether the rounds of a training, each from fresh weights, agree on a pair."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crcl_core.explanation.evidence import Uncertain
from crcl_core.types import FloatArray, IntArray

# From here on one round took the pair for a match and another for a mismatch.
MIN_SPREAD = 0.5


def round_estimates(
    history: npt.NDArray[np.float16], round_lengths: Sequence[int], *, momentum: float, pairs: IntArray
) -> FloatArray:
    """What each round made of the pairs at its end.

    A label keeps a share `momentum` of its old value at every correction, so at a round's end it still holds what
    earlier rounds said, and the first round's labels hold the 1 at which they began. With that taken out again,
    (y_t - momentum y_(t-1)) / (1 - momentum), an estimate is the round's own.

    Args:
        history: (E, N) labels after each epoch; may be longer than the rounds, or shorter.
        round_lengths: Epochs of each round, warm-up included.
        momentum: Of the corrections; 1 leaves the labels as they are.
        pairs: (n,) int64.

    Returns:
        (rounds that are in the history, n) float32 in [0, 1].
    """
    ends = [end for end in np.cumsum(round_lengths) if end <= len(history)]
    estimates = np.empty((len(ends), len(pairs)), dtype=np.float32)
    for number, end in enumerate(ends):
        last = history[end - 1, pairs].astype(np.float32)
        before = history[end - 2, pairs].astype(np.float32) if end > 1 else np.ones_like(last)
        estimates[number] = last if momentum >= 1 else (last - momentum * before) / (1 - momentum)
    return estimates.clip(0, 1)


def uncertain_pairs(estimates: FloatArray, pairs: IntArray) -> dict[int, Uncertain]:
    """The pairs on which the largest and the smallest estimate lie `MIN_SPREAD` apart or more.

    Args:
        estimates: (rounds, n), see `round_estimates`.
        pairs: (n,) int64.
    """
    if len(estimates) < 2:
        return {}
    spread = estimates.max(axis=0) - estimates.min(axis=0)
    return {
        int(pairs[at]): Uncertain(tuple(float(value) for value in estimates[:, at]), float(spread[at]))
        for at in np.flatnonzero(spread >= MIN_SPREAD)
    }
