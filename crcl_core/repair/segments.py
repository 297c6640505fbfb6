"""Runs of a sequence that add up to more than chance allows."""

from collections.abc import Iterator

import numpy as np

from crcl_core.types import DoubleArray


def segments_above(evidence: DoubleArray, least: float) -> Iterator[tuple[int, int, float]]:
    """Finds disjoint runs of the largest sums, each trimmed to where its sum is the largest.

    Args:
        evidence: (N,) float64, for (above 0) or against each position.
        least: Only runs whose sum is at least this; above 0.

    Yields:
        (start, end, sum), the largest of a stretch first; `end` is exclusive.
    """
    stretches = [(0, len(evidence))]
    while stretches:
        first, last = stretches.pop()
        if last <= first:
            continue
        sums = np.concatenate(([0.0], np.cumsum(evidence[first:last])))
        gains = sums - np.minimum.accumulate(sums)  # The best run that ends here.
        end = int(gains.argmax())
        if gains[end] < least:
            continue
        start = end - 1 - int(sums[:end][::-1].argmin())  # The last minimum: no leading positions that add nothing.
        yield first + start, first + end, float(gains[end])
        stretches += [(first, first + start), (first + end, last)]
