"""What captions that want the same image leave of each other's chances."""

import numpy as np

from crcl_core.types import DoubleArray, IntArray

_N_STEPS = 30
# An image that nobody else wants is likelier, but only so much: it may be one whose caption the corpus lacks.
_HIGHEST, _LOWEST = 10.0, 1e-3


def let_compete(images: IntArray, probabilities: DoubleArray, capacity: DoubleArray) -> DoubleArray:
    """Adjusts how likely each candidate is so that each image is expected to get no more captions than it lost.

    Alternately, images share out what they can take among the captions that want them, and captions share out the rest
    of their probability among their candidates and "none" (iterative proportional fitting). An image that many
    captions want loses with each of them, and one that few want gains.

    Args:
        images: (n, K) int64, the candidates of each caption; -1 where there are fewer.
        probabilities: (n, K) float64, how likely each is the true one; the rest of a row is for none of them.
        capacity: (I,) float64, how many captions each image is expected to have lost.

    Returns:
        (n, K) float64; rows sum to 1 or less.
    """
    n_images = len(capacity)
    none = (1 - probabilities.sum(axis=1, keepdims=True)).clip(min=0)
    factors = np.ones(n_images + 1)  # The last is that of no image.
    shared = probabilities
    for _ in range(_N_STEPS):
        wanted = np.bincount(images.ravel() % (n_images + 1), weights=shared.ravel(), minlength=n_images + 1)
        grown = factors[:-1] * capacity / np.maximum(wanted[:-1], 1e-12)
        factors[:-1] = grown.clip(_LOWEST, _HIGHEST)
        shared = probabilities * factors[images]
        shared = shared / np.maximum(none + shared.sum(axis=1, keepdims=True), 1e-300)
    return shared
