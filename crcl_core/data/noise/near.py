"""Near noise: a caption gets an image that looks like its own, as near-duplicates and category searches cause it."""

import math

import numpy as np

from crcl_core.data.noise.noisy_correspondence import NoisyCorrespondence, chosen_positions
from crcl_core.types import FloatArray, IntArray

# Similarities, or numbers of regions, held at once: 64 MiB.
_BLOCK_ELEMENTS = 16 * 1024 * 1024
# Two images whose vectors are equal up to rounding are taken for copies, and a copy of its own image is no mismatch.
_COPY_COSINE = 1 - 1e-5


def near_noise(
    image_index: IntArray, image_vectors: FloatArray, ratio: float, seed: int, *, n_neighbours: int = 10
) -> NoisyCorrespondence:
    """Gives each pair of a share the image of one of its own image's nearest neighbours, each as likely.

    Memory is bounded by one copy of the vectors and some 64 MiB of similarities.

    Args:
        image_index: (N,) int64, the true image of each caption: rows of `image_vectors`. Only images that occur here
            are given to captions.
        image_vectors: (I, D) float, one vector an image, or (I, R, D), its regions, of which the mean is taken; may be
            a memory map. Need not be normalised: neighbours are those by cosine.
        ratio: Share of the pairs to choose, in [0, 1].
        seed: Given to NumPy as it is, so that tables name it.
        n_neighbours: How many nearest images to draw from: 1 makes the hardest noise. Images with the very same
            vector are copies and do not count.

    Returns:
        The pairs; one whose image has no neighbour other than copies stays as it is.

    Raises:
        ValueError: The ratio is outside [0, 1], `n_neighbours` is not positive, the vectors have neither two nor three
            axes, or an index points outside them.
    """
    true_index = np.asarray(image_index, dtype=np.int64)
    _require_vectors(true_index, image_vectors)
    if n_neighbours < 1:
        raise ValueError(f"n_neighbours is {n_neighbours}, expected 1 or more")
    random = np.random.default_rng(seed)
    chosen = chosen_positions(len(true_index), ratio, random)
    draws = random.random(len(chosen))
    images, image_of_pair = np.unique(true_index, return_inverse=True)
    wanted, row_of_choice = np.unique(image_of_pair[chosen], return_inverse=True)
    neighbours, n_found = _nearest(_normalised_vectors(image_vectors, images), wanted, n_neighbours)
    columns = (draws * n_found[row_of_choice]).astype(np.int64)
    found = neighbours[row_of_choice, columns]
    noisy_index = true_index.copy()
    noisy_index[chosen] = np.where(n_found[row_of_choice] > 0, images[found], true_index[chosen])
    return NoisyCorrespondence.of(noisy_index, true_index)


def _nearest(vectors: FloatArray, wanted: IntArray, k: int) -> tuple[IntArray, IntArray]:
    """The k nearest rows of each wanted row, nearest first, equals by position; and how many there are, up to k."""
    k = min(k, len(vectors))
    nearest, n_found = np.zeros((len(wanted), max(k, 1)), np.int64), np.empty(len(wanted), np.int64)
    n_rows = max(1, _BLOCK_ELEMENTS // max(1, len(vectors)))
    for start in range(0, len(wanted), n_rows):
        block = wanted[start : start + n_rows]
        cosines = vectors[block] @ vectors.T  # (rows, I): row = wanted image, column = image
        cosines[np.arange(len(block)), block] = -np.inf
        cosines[cosines > _COPY_COSINE] = -np.inf
        for row, scores in enumerate(cosines, start):
            found = _best(scores, k)
            n_found[row] = len(found)
            nearest[row, : len(found)] = found
    return nearest, n_found


def _best(scores: FloatArray, k: int) -> IntArray:
    # A partition alone would keep an arbitrary part of the ties at the k-th place.
    kth = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero((scores >= kth) & (scores > -np.inf))
    return candidates[np.argsort(-scores[candidates], kind="stable")[:k]]


def _normalised_vectors(image_vectors: FloatArray, images: IntArray) -> FloatArray:
    """(len(images), D) float32, of regions their mean; a block of a memory map is held at a time."""
    vectors = np.empty((len(images), image_vectors.shape[-1]), dtype=np.float32)
    n_rows = max(1, _BLOCK_ELEMENTS // max(1, math.prod(image_vectors.shape[1:])))
    for start in range(0, len(images), n_rows):
        block = image_vectors[images[start : start + n_rows]]
        vectors[start : start + n_rows] = block if block.ndim == 2 else block.mean(axis=1)
    lengths = np.sqrt(np.einsum("id,id->i", vectors, vectors))
    vectors /= np.maximum(lengths, np.finfo(np.float32).tiny)[:, None]
    return vectors


def _require_vectors(true_index: IntArray, vectors: FloatArray) -> None:
    if vectors.ndim not in {2, 3}:
        raise ValueError(f"image_vectors has {vectors.ndim} axes, expected 2 (I, D) or 3 (I, R, D)")
    if len(true_index) and not (true_index.min() >= 0 and true_index.max() < len(vectors)):
        span = f"{true_index.min()} to {true_index.max()}"
        raise ValueError(f"image_index spans {span}, expected rows 0 to {len(vectors) - 1} of image_vectors")
