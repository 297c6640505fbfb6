"""Recall at 1, 5 and 10 in both directions, median and mean rank, and their sum r_sum."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from crcl_core.evaluation.pair_ranks import PairRanks, rank_pairs, rank_pairs_of_embeddings
from crcl_core.types import DoubleArray, IntArray

_Floats = npt.NDArray[Any]


@final
@dataclass(frozen=True, kw_only=True)
class RetrievalMetrics:
    """Retrieval quality. Recalls are percentages in [0, 100], ranks count from 1 (1 = always found first).

    `image_to_text` asks with an image for its captions, `text_to_image` with a caption for its images.
    """

    image_to_text_r1: float
    image_to_text_r5: float
    image_to_text_r10: float
    image_to_text_median_rank: float
    image_to_text_mean_rank: float
    text_to_image_r1: float
    text_to_image_r5: float
    text_to_image_r10: float
    text_to_image_median_rank: float
    text_to_image_mean_rank: float

    @property
    def r_sum(self) -> float:
        """Sum of the six recalls, in [0, 600]."""
        image_to_text = self.image_to_text_r1 + self.image_to_text_r5 + self.image_to_text_r10
        return image_to_text + self.text_to_image_r1 + self.text_to_image_r5 + self.text_to_image_r10


def recall_at_k(
    similarities: _Floats, image_index: IntArray, caption_index: IntArray | None = None
) -> RetrievalMetrics:
    """Computes recall over queries: each image with a caption once, each caption with an image once.

    A query counts as found at its best-ranked right answer, as is usual on Flickr30K and COCO. Ties are pessimistic,
    see `rank_pairs`; with distinct scores the numbers equal the usual ones, the median rank aside, which averages the
    two middle ranks of an even count instead of rounding down.

    Args:
        similarities: (I, C) float, row = image, column = caption; finite; higher = closer.
        image_index: (N,) int64, the image of each pair; captions per image are whatever this says.
        caption_index: (N,) int64, the caption of each pair, or None when pair n has caption n.
    """
    return _of_queries(rank_pairs(similarities, image_index, caption_index))


def recall_at_k_of_embeddings(
    image_embeddings: _Floats,
    caption_embeddings: _Floats,
    image_index: IntArray,
    caption_index: IntArray | None = None,
) -> RetrievalMetrics:
    """Computes `recall_at_k` by dot product of embeddings (I, J) and (C, J), never holding the (I, C) matrix."""
    return _of_queries(rank_pairs_of_embeddings(image_embeddings, caption_embeddings, image_index, caption_index))


def weighted_recall(
    similarities: _Floats, image_index: IntArray, caption_index: IntArray | None, weights: _Floats
) -> RetrievalMetrics:
    """Computes recall over pairs, each counting by its weight: made for choosing a model on noisy pairs.

    Weighted by correspondence labels, a held-out pair that is thought mismatched says little about the model, where
    plain recall would reward fitting it. A pair is found within k when fewer than k captions *that are not also its
    image's* score at least as much for its image, and the mirror for text_to_image; so each of five siblings counts
    on its own. `r_sum` of the result, in [0, 600], is the number to compare between models on the same pairs.

    Args:
        similarities: (I, C) float, row = image, column = caption; finite; higher = closer. Only what is in it
            competes, so pass the held-out images and captions, with indices into them.
        image_index: (N,) int64, the image of each pair.
        caption_index: (N,) int64, the caption of each pair, or None when pair n has caption n.
        weights: (N,) float, finite and >= 0, such as correspondence labels; their scale does not matter.

    Returns:
        The weighted metrics. Where all weights are 0 nothing is known and the result is the worst possible: every
        recall 0 and every rank the number of candidates; so no model looks better than another.

    Raises:
        ValueError: The weights do not fit the pairs, are negative or not finite; or see `rank_pairs`.
    """
    return _of_pairs(rank_pairs(similarities, image_index, caption_index), weights)


def weighted_recall_of_embeddings(
    image_embeddings: _Floats,
    caption_embeddings: _Floats,
    image_index: IntArray,
    caption_index: IntArray | None,
    weights: _Floats,
) -> RetrievalMetrics:
    """Computes `weighted_recall` by dot product of embeddings (I, J) and (C, J), never holding the (I, C) matrix."""
    ranks = rank_pairs_of_embeddings(image_embeddings, caption_embeddings, image_index, caption_index)
    return _of_pairs(ranks, weights)


def _of_queries(ranks: PairRanks) -> RetrievalMetrics:
    image_ranks = _best_per_query(ranks.image_to_text, ranks.image_index)
    caption_ranks = _best_per_query(ranks.text_to_image, ranks.caption_index)
    return _metrics(image_ranks, np.ones(len(image_ranks)), caption_ranks, np.ones(len(caption_ranks)))


def _of_pairs(ranks: PairRanks, weights: _Floats) -> RetrievalMetrics:
    checked = np.asarray(weights, dtype=np.float64)
    if checked.shape != ranks.image_index.shape:
        raise ValueError(f"weights have shape {checked.shape}, expected {ranks.image_index.shape}: one for each pair")
    if not np.isfinite(checked).all() or checked.min() < 0:
        raise ValueError(f"weights run from {checked.min()} to {checked.max()}, expected finite numbers of at least 0")
    if checked.max() == 0:
        worst_caption, worst_image = np.array([ranks.n_captions]), np.array([ranks.n_images])
        return _metrics(worst_caption, np.ones(1), worst_image, np.ones(1), is_known=False)
    return _metrics(ranks.image_to_text, checked, ranks.text_to_image, checked)


def _best_per_query(ranks: IntArray, query_index: IntArray) -> IntArray:
    by_query = np.argsort(query_index, kind="stable")
    _, starts = np.unique(query_index[by_query], return_index=True)
    best: IntArray = np.minimum.reduceat(ranks[by_query], starts)
    return best


def _metrics(
    image_to_text: IntArray,
    image_weights: DoubleArray,
    text_to_image: IntArray,
    caption_weights: DoubleArray,
    *,
    is_known: bool = True,
) -> RetrievalMetrics:
    def recall(ranks: IntArray, weights: DoubleArray, k: int) -> float:
        return 100.0 * float(weights[ranks <= k].sum() / weights.sum()) if is_known else 0.0

    return RetrievalMetrics(
        image_to_text_r1=recall(image_to_text, image_weights, 1),
        image_to_text_r5=recall(image_to_text, image_weights, 5),
        image_to_text_r10=recall(image_to_text, image_weights, 10),
        image_to_text_median_rank=_weighted_median(image_to_text, image_weights),
        image_to_text_mean_rank=float(np.average(image_to_text, weights=image_weights)),
        text_to_image_r1=recall(text_to_image, caption_weights, 1),
        text_to_image_r5=recall(text_to_image, caption_weights, 5),
        text_to_image_r10=recall(text_to_image, caption_weights, 10),
        text_to_image_median_rank=_weighted_median(text_to_image, caption_weights),
        text_to_image_mean_rank=float(np.average(text_to_image, weights=caption_weights)),
    )


def _weighted_median(values: IntArray, weights: DoubleArray) -> float:
    """Middle of the lower and the upper weighted median, which with equal weights is the ordinary median."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    half = cumulated[-1] / 2
    lower = values[order[np.searchsorted(cumulated, half, side="left")]]
    # Rounding can leave `half` above every sum but the last, never above the last.
    upper = values[order[min(int(np.searchsorted(cumulated, half, side="right")), len(order) - 1)]]
    return (float(lower) + float(upper)) / 2
