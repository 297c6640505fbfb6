"""The figures of a row: retrieval on the test split, and detection of the planted mismatches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from crcl_core.data import PairFeatures
from crcl_core.evaluation import (
    RetrievalMetrics,
    auroc,
    average_precision,
    f1_at_true_rate,
    recall_at_k,
    recall_in_folds,
)
from crcl_core.models import MatchingModel
from crcl_core.paper.benchmark import PaperDataset
from crcl_core.training import similarity_matrix
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray


@final
@dataclass(frozen=True, kw_only=True)
class DetectionFigures:
    """How well correspondence labels find planted mismatches; each in [0, 1]."""

    auroc: float
    average_precision: float
    f1_at_true_rate: float


@final
@dataclass(frozen=True, eq=False)
class SplitScores:
    """Similarities of a split.

    Attributes:
        similarities: (I, N) float32, row = image that has a caption, column = caption. Every caption is a query of its
            own, also where two are equal.
        image_index: (N,) int64, the row of each caption's own image.
    """

    similarities: FloatArray
    image_index: IntArray


def score_split(model: MatchingModel, split: PairFeatures, *, device: str | torch.device = "cpu") -> SplitScores:
    """Scores all images of a split against all its captions."""
    images, image_index = np.unique(split.image_index, return_inverse=True)
    # A row without a caption is an image that the file holds twice; it is not looked for, so it does not compete.
    features = split.image_features if len(images) == split.n_images else split.image_features[images]
    captions = split.caption_features[split.caption_index]
    return SplitScores(similarity_matrix(model, features, captions, device=device), image_index)


def mean_scores(scores: list[SplitScores]) -> SplitScores:
    """Averages what several models say of one split, as `SimilarityEnsemble` does, without running them again."""
    mean = np.zeros_like(scores[0].similarities)
    for each in scores:
        mean += each.similarities / len(scores)
    return SplitScores(mean, scores[0].image_index)


def retrieval_figures(scores: SplitScores, dataset: PaperDataset) -> Mapping[str, RetrievalMetrics]:
    """Computes what the tables report of a test split.

    Returns:
        "test"; of MS-COCO "1K", the mean over five folds of the images in their order, and "5K", all at once.
    """
    at_once = recall_at_k(scores.similarities, scores.image_index)
    if dataset is PaperDataset.COCO:
        return {"1K": recall_in_folds(scores.similarities, scores.image_index), "5K": at_once}
    return {"test": at_once}


def detection_figures(shadow_labels: DoubleArray, is_mismatch: BoolArray | None) -> DetectionFigures | None:
    """Compares labels with the truth.

    Args:
        shadow_labels: (N,) unfloored correspondence labels, in [0, 1].
        is_mismatch: (N,) bool, or None where it is not known.

    Returns:
        None where the truth is unknown or of one kind only, and where all labels are alike: a baseline refines none,
        and the figure of chance would look like a measured one.
    """
    if is_mismatch is None or is_mismatch.all() or not is_mismatch.any() or np.ptp(shadow_labels) == 0:
        return None
    return DetectionFigures(
        auroc=auroc(shadow_labels, ~is_mismatch),
        average_precision=average_precision(shadow_labels, is_mismatch),
        f1_at_true_rate=f1_at_true_rate(shadow_labels, is_mismatch),
    )
