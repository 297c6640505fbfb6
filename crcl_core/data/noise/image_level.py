"""Image-level noise: whole images change places, and all captions of an image see the same wrong one."""

import numpy as np

from crcl_core.data.noise.noisy_correspondence import NoisyCorrespondence, chosen_positions
from crcl_core.types import IntArray


def image_level_noise(image_index: IntArray, ratio: float, seed: int) -> NoisyCorrespondence:
    """Permutes a share of the images among themselves; all captions of an image move together.

    Harder than caption-level noise: no caption of a moved image is left to say what the image shows. The share that
    really mismatches is a little below `ratio`: some chosen images keep their place.

    Args:
        image_index: (N,) int64, the true image of each caption. Only images that occur here are permuted.
        ratio: Share of the images to choose, in [0, 1].
        seed: Given to NumPy as it is, so that tables name it.

    Raises:
        ValueError: The ratio is outside [0, 1].

    Source: the protocol of DECL (ACM Multimedia 2022), which RCL, L2RM and GSC follow: "image-level" noise.
    """
    true_index = np.asarray(image_index, dtype=np.int64)
    images, image_of_pair = np.unique(true_index, return_inverse=True)
    random = np.random.default_rng(seed)
    chosen = chosen_positions(len(images), ratio, random)
    given = images.copy()
    given[chosen] = random.permutation(images[chosen])
    return NoisyCorrespondence.of(given[image_of_pair], true_index)
