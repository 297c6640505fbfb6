"""Caption-level noise: captions exchange images one by one."""

import numpy as np

from crcl_core.data.noise.noisy_correspondence import NoisyCorrespondence, chosen_positions
from crcl_core.types import IntArray


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
    true_index = np.asarray(image_index, dtype=np.int64)
    random = np.random.default_rng(seed)
    chosen = chosen_positions(len(true_index), ratio, random)
    noisy_index = true_index.copy()
    noisy_index[chosen] = random.permutation(true_index[chosen])
    return NoisyCorrespondence.of(noisy_index, true_index)
