"""Shifted-block noise: what a lost or doubled row does to all rows behind it, until a second fault undoes it."""

from typing import Literal

import numpy as np

from crcl_core.data.noise.noisy_correspondence import NoisyCorrespondence, require_ratio
from crcl_core.types import IntArray


def shifted_block_noise(
    image_index: IntArray, ratio: float, seed: int, *, shifts: Literal["images", "pairs"] = "images"
) -> NoisyCorrespondence:
    """Shifts one contiguous block of the corpus by one: each gets the image of the next, the last that of the first.

    Args:
        image_index: (N,) int64, the true image of each caption, in the order of the corpus.
        ratio: Length of the block as a share of the images (or pairs), in [0, 1]. A block of one cannot shift.
        seed: Decides where the block starts; given to NumPy as it is.
        shifts: "images": all captions of an image get the image that appears next in the corpus. "pairs": each caption
            gets the image of the next caption, so that among several captions of one image only the last mismatches.

    Raises:
        ValueError: The ratio is outside [0, 1].
    """
    require_ratio(ratio)
    true_index = np.asarray(image_index, dtype=np.int64)
    if shifts == "pairs":
        return NoisyCorrespondence.of(_with_shifted_block(true_index, ratio, seed), true_index)
    images, first_pair, image_of_pair = np.unique(true_index, return_index=True, return_inverse=True)
    order = np.argsort(first_pair)  # Images by their first appearance, which is the order of the corpus.
    given = np.empty_like(images)
    given[order] = _with_shifted_block(images[order], ratio, seed)
    return NoisyCorrespondence.of(given[image_of_pair], true_index)


def _with_shifted_block(items: IntArray, ratio: float, seed: int) -> IntArray:
    length = int(ratio * len(items))
    start = int(np.random.default_rng(seed).integers(len(items) - length + 1))
    shifted = items.copy()
    shifted[start : start + length] = np.roll(items[start : start + length], -1)
    return shifted
