"""The loss of the paper, slowly: one pair, one candidate and one direction at a time, in NumPy."""

import math

import numpy as np

from crcl_core.types import BoolArray, DoubleArray


def matching_probability(
    similarities: DoubleArray, query: int, candidate: int, temperature: float, is_masked: BoolArray
) -> float:
    """p of a candidate caption for a query image; for r, pass everything transposed."""
    if is_masked[query, candidate]:
        return 0.0
    allowed = [k for k in range(similarities.shape[1]) if not is_masked[query, k]]
    total = sum(math.exp(similarities[query, k] / temperature) for k in allowed)
    return math.exp(similarities[query, candidate] / temperature) / total


def loss_of_pair(
    similarities: DoubleArray, pair: int, label: float, temperature: float, is_masked: BoolArray
) -> tuple[float, float]:
    """Active and complementary loss of one pair, both directions summed."""
    active = complementary = 0.0
    for scores, mask in ((similarities, is_masked), (similarities.T, is_masked.T)):
        n = len(scores)
        probabilities = [matching_probability(scores, pair, k, temperature, mask) for k in range(n)]
        active += -math.log(probabilities[pair])
        negatives = sum(math.tan(probabilities[j]) for j in range(n) if j != pair)
        complementary += negatives / sum(math.tan(p) for p in probabilities) ** (1 - label)
    return active, complementary


def active_complementary_loss(
    similarities: DoubleArray,
    labels: DoubleArray,
    *,
    temperature: float = 0.05,
    weight: float = 5.0,
    is_masked: BoolArray | None = None,
) -> tuple[float, float, float]:
    """Mean active loss, mean complementary loss, and the total."""
    n = len(labels)
    mask = np.zeros((n, n), dtype=np.bool_) if is_masked is None else is_masked
    parts = [loss_of_pair(similarities, i, float(labels[i]), temperature, mask) for i in range(n)]
    active = sum(part[0] for part in parts) / n
    complementary = sum(part[1] for part in parts) / n
    weighted = sum(float(labels[i]) * parts[i][0] for i in range(n)) / n
    return active, complementary, weighted + weight * complementary
