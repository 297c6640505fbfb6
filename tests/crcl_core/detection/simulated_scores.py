"""Scores as a good matcher gives them: clean pairs two deviations above mismatches."""

from typing import NamedTuple

import numpy as np

from crcl_core.types import BoolArray, DoubleArray


class SimulatedScores(NamedTuple):
    """N pairs and M decoys."""

    scores: DoubleArray
    decoy_scores: DoubleArray
    is_mismatch: BoolArray


def simulate(
    rate: float, *, n_pairs: int = 4_000, n_decoys: int = 600, distance: float = 2.5, seed: int = 0
) -> SimulatedScores:
    random = np.random.default_rng(seed)
    is_mismatch = np.arange(n_pairs) < round(rate * n_pairs)
    scores = random.normal(size=n_pairs) + distance * ~is_mismatch
    return SimulatedScores(scores, random.normal(size=n_decoys), is_mismatch)
