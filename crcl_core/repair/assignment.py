"""Which caption goes to which place, so that the most repairs are expected to be right."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from crcl_core.types import DoubleArray, IntArray

NOT_MOVED = -1
# A repair that is so likely wrong is not worth a place in the graph.
_LEAST = 0.01


def assign(images: IntArray, probabilities: DoubleArray, place_images: IntArray) -> IntArray:
    """Gives captions to places so that the expected number of right ones is the largest.

    Args:
        images: (n, K) int64, the candidates of each caption.
        probabilities: (n, K) float64, how likely each is the true one; candidates below 1 % are not considered.
        place_images: (m,) int64, the image of each place. An image takes as many captions as it has places.

    Returns:
        (n,) int64, the place of each caption; -1 where it gets none.
    """
    if not len(images):
        return np.empty(0, dtype=np.int64)
    n_captions, n_places = len(images), len(place_images)
    order = np.argsort(place_images, kind="stable")
    first = np.searchsorted(place_images[order], images, side="left")
    counts = np.searchsorted(place_images[order], images, side="right") - first  # (n, K) places of each candidate
    counts = np.where(probabilities >= _LEAST, counts, 0)
    edges = np.repeat(np.arange(images.size), counts.ravel())
    within = np.arange(len(edges)) - np.repeat(np.cumsum(counts.ravel()) - counts.ravel(), counts.ravel())
    places = order[first.ravel()[edges] + within]
    captions = edges // max(images.shape[1], 1)
    gains = probabilities.ravel()[edges]
    assigned = np.full(n_captions, NOT_MOVED)
    # Each caption may also stay away, at a gain of 0; but a gain of 0 would be no edge, so all gains are lifted by 1.
    every = np.arange(n_captions)
    graph = sparse.csr_array(
        (
            np.concatenate((1 + gains, np.ones(n_captions))),
            (np.concatenate((captions, every)), np.concatenate((places, n_places + every))),
        ),
        shape=(n_captions, n_places + n_captions),
    )
    rows, columns = min_weight_full_bipartite_matching(graph, maximize=True)
    is_place = columns < n_places
    assigned[rows[is_place]] = columns[is_place]
    return assigned
