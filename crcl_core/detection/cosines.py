"""Cosines between vectors, block by block."""

import numpy as np

from crcl_core.types import DoubleArray, FloatArray, IntArray

_BLOCK_BYTES = 64 << 20


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Scales rows (M, D) to length 1 in a copy; a row of zeros stays one, at cosine 0 from all others."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    scaled: FloatArray = vectors / lengths
    return scaled


def pair_cosines(
    images: FloatArray, captions: FloatArray, image_index: IntArray, caption_index: IntArray
) -> DoubleArray:
    """Computes the cosine of each pair of rows of length 1.

    Args:
        images: (I, D) float32, rows of length 1.
        captions: (C, D) float32, rows of length 1.
        image_index: (N,) int64, rows of `images`.
        caption_index: (N,) int64, rows of `captions`.

    Returns:
        (N,) float64 in [-1, 1].
    """
    cosines = np.empty(len(image_index))
    n_rows = max(1, _BLOCK_BYTES // max(1, images[:1].nbytes))
    for start in range(0, len(cosines), n_rows):
        part = slice(start, start + n_rows)
        # n pair, d dimension
        cosines[part] = np.einsum("nd,nd->n", images[image_index[part]], captions[caption_index[part]])
    # Rounding can leave the cosine of two equal rows above 1, and a distance below 0.
    return cosines.clip(-1, 1)
