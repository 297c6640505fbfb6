"""Synthetic noisy correspondence: known mismatches planted into clean pairs, to measure against."""

from dataclasses import dataclass

import numpy as np

from crcl_core.types import BoolArray, IntArray


@dataclass(frozen=True)
class NoisyCorrespondence:
    """Pairs some of whose images were exchanged.

    Attributes:
        image_index: (N,) int64, the image that each caption is now paired with.
        is_mismatch: (N,) bool, True where that is not its own image.
    """

    image_index: IntArray
    is_mismatch: BoolArray


def caption_level_noise(image_index: IntArray, ratio: float, seed: int) -> NoisyCorrespondence:
    """Shuffles the images of a share of the pairs among those pairs; the other captions of an image stay with it.

    The share that really mismatches is a little below `ratio`: some chosen pairs draw their own image back.

    Args:
        image_index: (N,) int64, the true image of each caption.
        ratio: Share of the pairs to choose, in [0, 1].
        seed: Given to NumPy as it is, so that tables name it.

    Raises:
        ValueError: The ratio is outside [0, 1].

    Source: the protocol of NCR (NeurIPS 2021), which CRCL follows: "caption-level" noise.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio is {ratio}, expected a number in [0, 1]")
    true_index = np.asarray(image_index, dtype=np.int64)
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(true_index))[: int(ratio * len(true_index))]
    noisy_index = true_index.copy()
    noisy_index[chosen] = random.permutation(true_index[chosen])
    return NoisyCorrespondence(image_index=noisy_index, is_mismatch=noisy_index != true_index)
