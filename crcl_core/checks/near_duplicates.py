"""Items that are nearly the same, and the sets that they form."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from crcl_core.types import FloatArray, IntArray

_BLOCK_ELEMENTS = 16 << 20  # of similarities, 64 MiB
NOBODY = -1


@final
@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """How near each of M items is to another one, and the sets of near ones.

    Attributes:
        scores: (M,) float32 in [0, 1], low = bad: 1 - cosine to the nearest other item; 1 where there is none.
        sets: (M,) int64, 0 = the largest set; -1 in no set.
    """

    scores: FloatArray
    sets: IntArray


def find_near_duplicates(vectors: FloatArray, *, threshold: float) -> NearDuplicates:
    """Finds sets of items whose scores lie below a threshold.

    Each item is joined with its nearest one and with the first that is near enough, so that copies of one another
    form one set however many they are, and every item that is near to another is in a set. The search is exact and
    holds one block of similarities at a time.

    Args:
        vectors: (M, D) float32 of any length; a row of zeros is near to nothing.
        threshold: 1 - cosine below it is near.
    """
    unit = _unit_rows(vectors)
    n_items = len(unit)
    scores = np.ones(n_items, dtype=np.float32)
    joined: list[IntArray] = []
    n_rows = max(1, _BLOCK_ELEMENTS // max(1, n_items))
    for start in range(0, n_items if n_items > 1 else 0, n_rows):
        distances = unit[start : start + n_rows] @ unit.T  # (rows, M), of similarities so far
        np.subtract(1, distances, out=distances)
        rows = np.arange(len(distances))
        distances[rows, start + rows] = np.inf
        items = distances.argmin(axis=1)
        nearest = distances[rows, items]
        scores[start : start + len(rows)] = nearest.clip(0, 1)
        near = np.flatnonzero(nearest < threshold)
        first = (distances[near] < threshold).argmax(axis=1)
        joined += [np.stack([start + near, items[near]]), np.stack([start + near, first])]
    return NearDuplicates(scores, _sets(n_items, joined))


def _unit_rows(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    scaled: FloatArray = (vectors / lengths).astype(np.float32)
    return scaled


def _sets(n_items: int, joined: list[IntArray]) -> IntArray:
    sets = np.full(n_items, NOBODY)
    if not joined:
        return sets
    rows, columns = np.concatenate(joined, axis=1)
    links = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n_items, n_items))
    _, component = connected_components(links, directed=False)
    _, component, sizes = np.unique(component, return_inverse=True, return_counts=True)
    by_size = np.argsort(-sizes, kind="stable")
    number = np.empty_like(by_size)
    number[by_size] = np.arange(len(by_size))
    is_in_set = sizes[component] > 1
    sets[is_in_set] = number[component[is_in_set]]
    return sets
