"""What is known of each pair, and how it becomes one score."""

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection.decoys import PlantedDecoys
from crcl_core.detection.encoder_similarity import encoder_similarity
from crcl_core.detection.folds import FoldUnit
from crcl_core.detection.fusion import fuse_scores, normal_quantiles
from crcl_core.detection.neighbour_agreement import neighbour_agreement
from crcl_core.detection.out_of_fold import OutOfFold
from crcl_core.types import DoubleArray

# Neighbours are searched exactly, which takes the square of the number of distinct images and captions.
_MOST_SEARCHED = 100_000


def fused_score(
    planted: PlantedDecoys, labels: DoubleArray, out_of_fold: OutOfFold, *, has_joint_space: bool, seed: int
) -> DoubleArray:
    """Fuses CRCL's label, the out-of-fold posterior, the neighbours and, in a joint space, the encoder's similarity.

    Where the captions of an image are wrong together, what a pair's own siblings taught the model says nothing: the
    label is left out, and siblings are no neighbours.

    Args:
        planted: The corpus and its decoys.
        labels: (N + M,) in [0, 1], CRCL's unfloored labels.
        out_of_fold: Of the same pairs and decoys.
        has_joint_space: Whether the encoder puts both modalities into one space.
        seed: Of the run.

    Returns:
        (N + M,) float64, low = bad.
    """
    are_siblings_evidence = out_of_fold.unit is FoldUnit.PAIR
    terms = [out_of_fold.score]
    if are_siblings_evidence:
        terms.append(labels)
    if _has_vectors(planted.features):
        if max(planted.features.n_images, planted.features.n_captions) <= _MOST_SEARCHED:
            terms.extend(neighbour_agreement(planted, out_of_fold.labels, are_siblings_evidence=are_siblings_evidence))
        if has_joint_space:
            terms.append(encoder_similarity(planted.features, has_joint_space=True))
    # Two judgements that do not share their errors say better which pairs are clean than either does.
    guide = normal_quantiles(out_of_fold.score)
    if are_siblings_evidence:
        guide += normal_quantiles(labels)
    return fuse_scores(np.stack(terms), planted.n_pairs, guide=guide, seed=seed)


def _has_vectors(features: PairFeatures) -> bool:
    return features.n_regions is None and not features.has_tokens
