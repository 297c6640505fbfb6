"""Folds of a corpus's pairs, so that each pair can be judged by a model that was trained without it."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from crcl_core.detection.decoys import PlantedDecoys
from crcl_core.detection.fold_unit import FoldUnit
from crcl_core.seeding import numpy_generator
from crcl_core.types import IntArray

# A group so large that it would fill most of a fold is not kept together.
_LARGEST_SHARE = 0.5


def split_into_folds(planted: PlantedDecoys, n_folds: int, unit: FoldUnit, *, seed: int) -> IntArray:
    """Draws the folds.

    A decoy goes with the pairs that it has its image and its caption from: a model that was trained on those knows
    where the two belong and would place the decoy below mismatches, whose own partners are nowhere in the corpus. Where
    decoys tie so many pairs together that one group would fill half a fold, they go with their image alone.

    Args:
        planted: The corpus and its decoys.
        n_folds: K, 2 or more.
        unit: What stays together.
        seed: Of the run.

    Returns:
        (N + M,) int64 in [0, K); the folds' sizes differ by no more than the largest group's.
    """
    n_pairs, n_all = planted.n_pairs, planted.features.n_pairs
    group = np.arange(n_pairs)
    if unit is FoldUnit.IMAGE:
        _, group = np.unique(planted.features.image_index[:n_pairs], return_inverse=True)
    both = _joined(group, planted, (planted.image_pair, planted.caption_pair))
    if np.bincount(both, minlength=1).max(initial=0) > _LARGEST_SHARE * n_all / n_folds:
        both = _joined(group, planted, (planted.image_pair,))
    return _dealt(both, n_folds, seed)


def _joined(group: IntArray, planted: PlantedDecoys, origins: tuple[IntArray, ...]) -> IntArray:
    """The group (N + M,) of every pair and decoy once each decoy has tied the groups of its origins together."""
    n_groups, n_decoys = int(group.max(initial=-1)) + 1, planted.n_decoys
    decoys = n_groups + np.arange(n_decoys)
    ends = np.concatenate([group[origin] for origin in origins])
    starts = np.tile(decoys, len(origins))
    n_nodes = n_groups + n_decoys
    ties = coo_matrix((np.ones(len(starts)), (starts, ends)), shape=(n_nodes, n_nodes))
    _, component = connected_components(ties, directed=False)
    joined: IntArray = component[np.concatenate((group, decoys))].astype(np.int64)
    return joined


def _dealt(group: IntArray, n_folds: int, seed: int) -> IntArray:
    """Each group to the fold that is the smallest when its turn comes, the largest groups first."""
    sizes = np.bincount(group)
    order = numpy_generator(seed, "folds").permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.empty(len(sizes), dtype=np.int64)
    filled = np.zeros(n_folds, dtype=np.int64)
    for item in order:
        smallest = int(filled.argmin())
        fold_of[item] = smallest
        filled[smallest] += sizes[item]
    folds: IntArray = fold_of[group]
    return folds
