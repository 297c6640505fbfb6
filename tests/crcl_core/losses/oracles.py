"""The losses once more, slowly: plain loops over one pair at a time, written from the paper's equations."""

import math

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def matching_probability(logits: Matrix, row: int, column: int, is_masked: Mask) -> float:
    """Softmax of one row at one column; masked columns do not take part."""
    allowed = [k for k in range(len(logits)) if not is_masked[row, k]]
    largest = max(logits[row, k] for k in allowed)
    total = sum(math.exp(logits[row, k] - largest) for k in allowed)
    return math.exp(logits[row, column] - largest) / total


def active_complementary_loss(
    similarities: Matrix,
    labels: npt.NDArray[np.float64],
    *,
    temperature: float,
    weight: float,
    is_masked: Mask | None = None,
) -> tuple[float, float, float]:
    """Mean active, mean complementary and total loss."""
    n = len(similarities)
    mask = np.zeros((n, n), dtype=np.bool_) if is_masked is None else is_masked
    logits = similarities / temperature
    active = complementary = weighted = 0.0
    for i in range(n):
        own = 0.0
        for matrix, hidden in ((logits, mask), (logits.T, mask.T)):
            probabilities = {k: matching_probability(matrix, i, k, hidden) for k in range(n) if not hidden[i, k]}
            own -= math.log(probabilities[i])
            negatives = sum(math.tan(p) for k, p in probabilities.items() if k != i)
            complementary += negatives / (negatives + math.tan(probabilities[i])) ** (1.0 - labels[i])
        active += own
        weighted += labels[i] * own
    return active / n, complementary / n, weighted / n + weight * complementary / n
