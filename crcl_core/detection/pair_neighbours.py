"""The nearest pairs of each pair, by their images or by their captions."""

from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from crcl_core.detection.cosines import unit_rows
from crcl_core.types import FloatArray, IntArray

# A block of similarities: 64 MiB. Lists of candidates are made in blocks of a few times that.
_BLOCK_ELEMENTS = 16 << 20
_LISTED_AT_ONCE = 2 << 20
_NOBODY = -1


@final
@dataclass(frozen=True, eq=False)
class PairNeighbours:
    """The k nearest other pairs of each of N pairs, nearest first.

    Attributes:
        pairs: (N, k) int64; -1 behind the last where there are fewer.
        distances: (N, k) float32, cosine distances, 0 or more; 0 where there is no pair.
    """

    pairs: IntArray
    distances: FloatArray


def nearest_pairs(vectors: FloatArray, index: IntArray, k: int) -> PairNeighbours:
    """Finds the k pairs whose vectors of one modality are the nearest to each pair's.

    A pair is never its own neighbour. The other pairs of its vector are its neighbours, at distance 0 and before all
    others: five captions of one image are evidence about each other. Among pairs of one vector the earlier come first.
    The search is exact, over the distinct vectors that pairs point to, and holds one block of similarities at a time.

    Args:
        vectors: (M, D) float32, one a distinct image (or caption); any length.
        index: (N,) int64, the vector of each pair.
        k: How many neighbours; 1 or more.

    Raises:
        ValueError: k is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}, expected 1 or more")
    used, position = np.unique(index, return_inverse=True)
    items, distances = _nearest_items(unit_rows(vectors[used]), k)
    pairs_of_item, starts = (
        np.argsort(position, kind="stable"),
        np.searchsorted(np.sort(position), np.arange(len(used))),
    )
    counts = np.bincount(position, minlength=len(used))
    found = PairNeighbours(np.full((len(index), k), _NOBODY), np.zeros((len(index), k), dtype=np.float32))
    # An item lists up to k pairs of each of up to k + 1 items before the list is cut.
    n_items = max(1, _LISTED_AT_ONCE // (k * (k + 1)))
    for first in range(0, len(used), n_items):
        part = slice(first, first + n_items)
        listed, listed_distances = _listed(items[part], distances[part], pairs_of_item, starts, counts, k + 1)
        own = pairs_of_item[starts[first] : starts[first] + counts[part].sum()]  # The pairs of these items.
        rows = position[own] - first
        # Sorting by "is itself" moves the pair behind all others and leaves their order.
        order = np.argsort(listed[rows] == own[:, None], axis=1, kind="stable")[:, :k]
        found.pairs[own] = np.take_along_axis(listed[rows], order, axis=1)
        found.distances[own] = np.take_along_axis(listed_distances[rows], order, axis=1)
    return found


def _nearest_items(unit: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """Each item itself and then its nearest others: (M, k' + 1) items and distances, k' = min(k, M - 1)."""
    vectors = torch.from_numpy(unit)
    n_items = len(vectors)
    n_others = min(k, max(0, n_items - 1))
    items = np.empty((n_items, n_others + 1), dtype=np.int64)
    distances = np.zeros((n_items, n_others + 1), dtype=np.float32)
    items[:, 0] = np.arange(n_items)
    n_rows = max(1, _BLOCK_ELEMENTS // max(1, n_items))
    for start in range(0, n_items, n_rows):
        block = vectors[start : start + n_rows]
        similarities = block @ vectors.t()  # (rows, M)
        similarities[torch.arange(len(block)), torch.arange(start, start + len(block))] = -torch.inf
        nearest = similarities.topk(n_others, dim=1)
        items[start : start + len(block), 1:] = nearest.indices.numpy()
        distances[start : start + len(block), 1:] = (1 - nearest.values).clamp(min=0).numpy()
    return items, distances


def _listed(
    items: IntArray, distances: FloatArray, pairs_of_item: IntArray, starts: IntArray, counts: IntArray, n_listed: int
) -> tuple[IntArray, FloatArray]:
    """The pairs of each row's items in their order, cut after `n_listed`: (rows, n_listed) pairs and distances."""
    pairs = np.full((len(items), n_listed), _NOBODY)
    pair_distances = np.zeros((len(items), n_listed), dtype=np.float32)
    n_taken = np.minimum(counts[items], n_listed)  # (rows, items of a row)
    slots = np.cumsum(n_taken, axis=1) - n_taken  # Where an item's pairs begin in its row.
    entry = np.repeat(np.arange(items.size), n_taken.ravel())  # One an item and pair of it.
    within = np.arange(len(entry)) - np.repeat(np.cumsum(n_taken.ravel()) - n_taken.ravel(), n_taken.ravel())
    slot = slots.ravel()[entry] + within
    is_kept = slot < n_listed
    entry, within, slot = entry[is_kept], within[is_kept], slot[is_kept]
    row = entry // items.shape[1]
    pairs[row, slot] = pairs_of_item[starts[items.ravel()[entry]] + within]
    pair_distances[row, slot] = distances.ravel()[entry]
    return pairs, pair_distances
