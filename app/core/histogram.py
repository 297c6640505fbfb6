"""Reading a histogram of values in [0, 1] with equal bins."""

from collections.abc import Sequence


def share_below(counts: Sequence[int], threshold: float) -> float | None:
    """The share of the values below a threshold in [0, 1], as if each bin's were spread evenly; None of no value."""
    total = sum(counts)
    if total == 0:
        return None
    n_whole, rest = divmod(threshold * len(counts), 1)
    below = sum(counts[: int(n_whole)])
    partial = counts[int(n_whole)] * rest if n_whole < len(counts) else 0.0
    return (below + partial) / total
