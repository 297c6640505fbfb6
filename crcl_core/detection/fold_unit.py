"""Whether captions of one image are wrong together: what decides how a corpus is folded and what a decoy is."""

from enum import StrEnum

import numpy as np

from crcl_core.types import DoubleArray, IntArray

# Measured with five captions an image, 40 % noise: 0.88 where whole images are wrong; see docs/decisions/0006.
_WRONG_TOGETHER = 0.5


class FoldUnit(StrEnum):
    """What is right or wrong together, leaves the training together, and is planted together."""

    PAIR = "pair"  # An image's other captions stay in the training: they are evidence for or against this one.
    IMAGE = "image"  # All captions of an image leave together: where they are wrong together, they mislead.


def choose_fold_unit(image_index: IntArray, labels: DoubleArray) -> FoldUnit:
    """Decides by how much more alike the labels of one image's captions are than those of different images.

    Args:
        image_index: (N,) int64, the image of each pair.
        labels: (N,) in [0, 1].
    """
    return FoldUnit.IMAGE if label_agreement(image_index, labels) > _WRONG_TOGETHER else FoldUnit.PAIR


def label_agreement(image_index: IntArray, labels: DoubleArray) -> float:
    """The intraclass correlation of labels within images: 1 = all captions of an image have one label.

    Args:
        image_index: (N,) int64.
        labels: (N,).

    Returns:
        At most 1; 0 where no image has two captions, or all labels are one.

    Source: Fisher's intraclass correlation, by one-way analysis of variance with unequal groups.
    """
    _, image, n_captions = np.unique(image_index, return_inverse=True, return_counts=True)
    n_pairs, n_images = len(labels), len(n_captions)
    if n_pairs == n_images or n_images < 2:
        return 0.0
    means = np.bincount(image, weights=labels) / n_captions
    within = ((labels - means[image]) ** 2).sum() / (n_pairs - n_images)
    between = (n_captions * (means - labels.mean()) ** 2).sum() / (n_images - 1)
    # What the size of a group is on average, where sizes differ.
    size = (n_pairs - (n_captions.astype(np.float64) ** 2).sum() / n_pairs) / (n_images - 1)
    total = between + (size - 1) * within
    return float((between - within) / total) if total > 0 else 0.0
