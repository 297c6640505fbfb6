"""What is known of each pair, and how it becomes one score."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.detection.decoys import PlantedDecoys
from crcl_core.detection.encoder_similarity import encoder_similarity
from crcl_core.detection.fusion import fuse_scores, normal_quantiles
from crcl_core.detection.neighbour_agreement import neighbour_agreement
from crcl_core.detection.out_of_fold import OutOfFold
from crcl_core.types import DoubleArray, IntArray

# Neighbours are searched exactly, which takes the square of the number of distinct images and captions.
_MOST_SEARCHED = 100_000


@final
@dataclass(frozen=True, eq=False)
class FusedScore:
    """What is known of N pairs and M decoys as one score.

    Attributes:
        score: (N + M,) float64, low = bad.
        by_round: (V, N) float64, the pairs' scores had only one round judged them: what they disagree by is what is
            not known.
    """

    score: DoubleArray
    by_round: DoubleArray


def fused_score(
    planted: PlantedDecoys,
    labels: DoubleArray,
    labels_by_round: DoubleArray,
    out_of_fold: OutOfFold,
    *,
    has_joint_space: bool,
    seed: int,
) -> FusedScore:
    """Fuses CRCL's label, the out-of-fold posterior, the neighbours and, in a joint space, the encoder's similarity.

    Args:
        planted: The corpus and its decoys.
        labels: (N + M,) in [0, 1], CRCL's unfloored labels.
        labels_by_round: (rounds, N + M), the same at the end of some rounds.
        out_of_fold: Of the same pairs and decoys.
        has_joint_space: Whether the encoder puts both modalities into one space.
        seed: Of the run.
    """
    n_pairs = planted.n_pairs
    terms = [labels, out_of_fold.score]
    terms.extend(_of_vectors(planted, out_of_fold.labels, has_joint_space=has_joint_space, are_siblings_evidence=True))
    # Two judgements that do not share their errors say better which pairs are clean than either does.
    guide = normal_quantiles(labels) + normal_quantiles(out_of_fold.score)
    fusion = fuse_scores(np.stack(terms), n_pairs, guide=guide, seed=seed, n_unused=planted.n_near)
    by_round = [fusion.with_term(0, of_round[:n_pairs]) for of_round in labels_by_round]
    by_round += [fusion.with_term(1, of_round[:n_pairs]) for of_round in out_of_fold.log_posteriors.mean(axis=1)]
    return FusedScore(fusion.score, np.stack(by_round))


def fused_image_score(
    planted: PlantedDecoys, out_of_fold: OutOfFold, *, has_joint_space: bool, seed: int
) -> FusedScore:
    """Fuses what is known where the captions of an image are wrong together: every term also as its mean over them.

    CRCL's label is left out, because what siblings taught its model is what misleads, and siblings are no neighbours.

    Args:
        planted: The corpus and its decoy images.
        out_of_fold: Of the same pairs and decoys, folded by image.
        has_joint_space: Whether the encoder puts both modalities into one space.
        seed: Of the run.
    """
    terms = [out_of_fold.score]
    terms.extend(_of_vectors(planted, out_of_fold.labels, has_joint_space=has_joint_space, are_siblings_evidence=False))
    group = planted.group()
    means = [_group_mean(term, group) for term in terms]
    fusion = fuse_scores(np.stack((*means, terms[0])), planted.n_pairs, guide=means[0], seed=seed)
    by_round = [
        fusion.with_term(0, _group_mean(of_round, group)[: planted.n_pairs])
        for of_round in out_of_fold.log_posteriors.mean(axis=1)
    ]
    return FusedScore(fusion.score, np.stack(by_round))


def _of_vectors(
    planted: PlantedDecoys, labels: DoubleArray, *, has_joint_space: bool, are_siblings_evidence: bool
) -> Iterator[DoubleArray]:
    """What the encoder's own vectors say, where images and captions have one each."""
    features = planted.features
    if features.n_regions is not None or features.has_tokens:
        return
    if max(features.n_images, features.n_captions) <= _MOST_SEARCHED:
        yield from neighbour_agreement(planted, labels, are_siblings_evidence=are_siblings_evidence)
    if has_joint_space:
        yield encoder_similarity(features, has_joint_space=True)


def _group_mean(term: DoubleArray, group: IntArray) -> DoubleArray:
    mean: DoubleArray = (np.bincount(group, weights=term) / np.bincount(group).clip(min=1))[group]
    return mean
