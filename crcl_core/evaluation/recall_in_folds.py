"""Recall as the mean over folds of a test set: how COCO 1K is reported, five folds of 1,000 images."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from crcl_core.evaluation.pair_ranks import checked_pairs
from crcl_core.evaluation.retrieval_metrics import RetrievalMetrics, recall_at_k, recall_at_k_of_embeddings
from crcl_core.types import IntArray

_Floats = npt.NDArray[Any]
_FoldRecall = Callable[[IntArray, IntArray, IntArray, IntArray], RetrievalMetrics]

_N_FOLDS = 5


def recall_in_folds(
    similarities: _Floats, image_index: IntArray, caption_index: IntArray | None = None, *, n_folds: int = _N_FOLDS
) -> RetrievalMetrics:
    """Computes `recall_at_k` within each fold and averages every number over the folds.

    A fold holds consecutive images (rows) and the captions paired with them; only they compete. With COCO's 5,000 test
    images in their usual order the result is "COCO 1K", and `recall_at_k` of the same matrix is "COCO 5K".

    Args:
        similarities: (I, C) float, row = image, column = caption; finite; higher = closer.
        image_index: (N,) int64, the image of each pair; captions per image are whatever this says.
        caption_index: (N,) int64, the caption of each pair, or None when pair n has caption n.
        n_folds: How many; fold sizes differ by one image at most.

    Raises:
        ValueError: There are fewer images than folds, or a fold has no pair; or see `rank_pairs`.
    """

    def recall(
        images: IntArray, captions: IntArray, fold_images: IntArray, fold_captions: IntArray
    ) -> RetrievalMetrics:
        return recall_at_k(similarities[np.ix_(images, captions)], fold_images, fold_captions)

    if similarities.ndim != 2:
        raise ValueError(f"similarities have shape {similarities.shape}, expected (n_images, n_captions)")
    return _mean_over_folds(recall, similarities.shape, image_index, caption_index, n_folds)


def recall_in_folds_of_embeddings(
    image_embeddings: _Floats,
    caption_embeddings: _Floats,
    image_index: IntArray,
    caption_index: IntArray | None = None,
    *,
    n_folds: int = _N_FOLDS,
) -> RetrievalMetrics:
    """Computes `recall_in_folds` by dot product of embeddings (I, J) and (C, J), never holding the (I, C) matrix."""

    def recall(
        images: IntArray, captions: IntArray, fold_images: IntArray, fold_captions: IntArray
    ) -> RetrievalMetrics:
        return recall_at_k_of_embeddings(
            image_embeddings[images], caption_embeddings[captions], fold_images, fold_captions
        )

    return _mean_over_folds(
        recall, (len(image_embeddings), len(caption_embeddings)), image_index, caption_index, n_folds
    )


def _mean_over_folds(
    recall: _FoldRecall,
    shape: tuple[int, ...],
    image_index: IntArray,
    caption_index: IntArray | None,
    n_folds: int,
) -> RetrievalMetrics:
    n_images, n_captions = shape
    images, captions = checked_pairs(image_index, caption_index, n_images, n_captions)
    if not 1 <= n_folds <= n_images:
        raise ValueError(f"n_folds is {n_folds}, expected 1 to {n_images}, the number of images")
    return _mean([recall(*fold) for fold in _folds(n_images, images, captions, n_folds)])


def _folds(
    n_images: int, image_index: IntArray, caption_index: IntArray, n_folds: int
) -> Iterator[tuple[IntArray, IntArray, IntArray, IntArray]]:
    """Yields each fold's images and captions, and its pairs' positions among these."""
    for number, images in enumerate(np.array_split(np.arange(n_images), n_folds)):
        is_inside = (image_index >= images[0]) & (image_index <= images[-1])
        if not is_inside.any():
            raise ValueError(f"fold {number}, images {images[0]} to {images[-1]}, has no pair; expected one or more")
        captions, fold_captions = np.unique(caption_index[is_inside], return_inverse=True)
        yield images, captions, image_index[is_inside] - images[0], fold_captions


def _mean(folds: list[RetrievalMetrics]) -> RetrievalMetrics:
    values = {
        field.name: [getattr(fold, field.name) for fold in folds] for field in dataclasses.fields(RetrievalMetrics)
    }
    return RetrievalMetrics(**{name: float(np.mean(of_folds)) for name, of_folds in values.items()})
