"""The rank of each pair's caption for its image and of its image for its caption, block by block."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from crcl_core.types import IntArray

# A block of similarities and a comparison of the same shape are held at once: 16 MiB and 4 MiB.
BLOCK_ELEMENTS: Final = 4 * 1024 * 1024

# Ranks do not depend on the width of the float, so float32 and float64 are both welcome.
_Floats = npt.NDArray[Any]
_RowReader = Callable[[int, int], _Floats]


@final
@dataclass(frozen=True, kw_only=True)
class PairRanks:
    """Ranks of N pairs in both directions, counted from 1.

    Attributes:
        image_to_text: (N,) int64, rank of the pair's caption among all captions for the pair's image.
        text_to_image: (N,) int64, rank of the pair's image among all images for the pair's caption.
        image_index: (N,) int64, image of each pair, in [0, n_images).
        caption_index: (N,) int64, caption of each pair, in [0, n_captions).
        n_images: How many images compete in text_to_image.
        n_captions: How many captions compete in image_to_text.
    """

    image_to_text: IntArray
    text_to_image: IntArray
    image_index: IntArray
    caption_index: IntArray
    n_images: int
    n_captions: int


def rank_pairs(
    similarities: _Floats, image_index: IntArray, caption_index: IntArray | None = None, *, block: int = BLOCK_ELEMENTS
) -> PairRanks:
    """Ranks every pair within a similarity matrix.

    The other captions of the same image do not compete with a pair's caption, nor the other images of the same
    caption with its image: they are right answers too. Ties are pessimistic: a candidate that scores exactly as much
    as the right one is counted as ranked before it, so a model that gives one score to everything ranks last, not
    first.

    Args:
        similarities: (I, C) float, row = image, column = caption; finite; higher = closer.
        image_index: (N,) int64, the image of each pair. How many captions an image has is whatever this says.
        caption_index: (N,) int64, the caption of each pair; pair n has caption n when it is left out.
        block: How many similarities to work on at once.

    Raises:
        ValueError: A shape, an index or a value is out of bounds; the message names it.
    """
    if similarities.ndim != 2:
        raise ValueError(f"similarities have shape {similarities.shape}, expected (n_images, n_captions)")
    n_images, n_captions = similarities.shape
    images, captions = checked_pairs(image_index, caption_index, n_images, n_captions)
    # Copies, because the blocks are masked in place.
    return PairRanks(
        image_to_text=_ranks(lambda a, b: similarities[a:b].copy(), images, captions, n_captions, block),
        text_to_image=_ranks(lambda a, b: similarities[:, a:b].T.copy(), captions, images, n_images, block),
        image_index=images,
        caption_index=captions,
        n_images=n_images,
        n_captions=n_captions,
    )


def rank_pairs_of_embeddings(
    image_embeddings: _Floats,
    caption_embeddings: _Floats,
    image_index: IntArray,
    caption_index: IntArray | None = None,
    *,
    block: int = BLOCK_ELEMENTS,
) -> PairRanks:
    """Ranks every pair by dot product without ever holding the (I, C) matrix; see `rank_pairs`.

    Args:
        image_embeddings: (I, J) float, L2-normalised where cosine similarity is meant.
        caption_embeddings: (C, J) float.
        image_index: (N,) int64.
        caption_index: (N,) int64, or None when pair n has caption n.
        block: How many similarities to work on at once.
    """
    if image_embeddings.ndim != 2 or image_embeddings.shape[1:] != caption_embeddings.shape[1:]:
        raise ValueError(
            f"embeddings have shapes {image_embeddings.shape} and {caption_embeddings.shape}, "
            "expected (n_images, width) and (n_captions, width)"
        )
    n_images, n_captions = len(image_embeddings), len(caption_embeddings)
    images, captions = checked_pairs(image_index, caption_index, n_images, n_captions)
    return PairRanks(
        image_to_text=_ranks(
            lambda a, b: image_embeddings[a:b] @ caption_embeddings.T, images, captions, n_captions, block
        ),
        text_to_image=_ranks(
            lambda a, b: caption_embeddings[a:b] @ image_embeddings.T, captions, images, n_images, block
        ),
        image_index=images,
        caption_index=captions,
        n_images=n_images,
        n_captions=n_captions,
    )


def checked_pairs(
    image_index: IntArray, caption_index: IntArray | None, n_images: int, n_captions: int
) -> tuple[IntArray, IntArray]:
    """Returns the image and the caption of each pair, both (N,) int64; without a caption index pair n has caption n.

    Raises:
        ValueError: The indices differ in length, hold no pair, or one is out of bounds.
    """
    images = np.asarray(image_index, dtype=np.int64)
    captions = np.arange(n_captions) if caption_index is None else np.asarray(caption_index, dtype=np.int64)
    if images.ndim != 1 or images.shape != captions.shape:
        raise ValueError(
            f"image_index has shape {images.shape} and caption_index {captions.shape}, expected (n_pairs,)"
        )
    if not len(images):
        raise ValueError("there is no pair to rank; expected at least one")
    for name, index, bound in (("image_index", images, n_images), ("caption_index", captions, n_captions)):
        if index.min() < 0 or index.max() >= bound:
            raise ValueError(f"{name} runs from {index.min()} to {index.max()}, allowed are 0 to {bound - 1}")
    return images, captions


def _ranks(
    read_rows: _RowReader, query_index: IntArray, candidate_index: IntArray, n_candidates: int, block: int
) -> IntArray:
    """Ranks (N,) of each pair's candidate for its query; queries without a pair are never read."""
    ranks = np.empty(len(query_index), dtype=np.int64)
    by_query = np.argsort(query_index, kind="stable")
    sorted_queries = query_index[by_query]
    n_rows = max(1, block // n_candidates)
    start = 0
    while start < len(by_query):
        first_query = int(sorted_queries[start])
        stop = int(np.searchsorted(sorted_queries, first_query + n_rows))
        pairs = by_query[start:stop]
        rows = query_index[pairs] - first_query
        similarities = read_rows(first_query, first_query + int(rows[-1]) + 1)
        ranks[pairs] = _ranks_in_block(similarities, rows, candidate_index[pairs], n_rows)
        start = stop
    return ranks


def _ranks_in_block(similarities: _Floats, rows: IntArray, columns: IntArray, n_at_once: int) -> IntArray:
    """Ranks of the pairs (row, column) of one block, which this overwrites."""
    if not np.isfinite(similarities).all():
        raise ValueError("the similarities hold a value that is not finite; expected finite numbers")
    right_scores = similarities[rows, columns]
    # Every right answer of a query leaves the competition, so siblings cannot push each other down.
    similarities[rows, columns] = -np.inf
    ranks = np.empty(len(rows), dtype=np.int64)
    # One caption pasted on many images makes a block of few rows with many pairs, hence this second level.
    for start in range(0, len(rows), n_at_once):
        part = slice(start, start + n_at_once)
        ranks[part] = 1 + np.count_nonzero(similarities[rows[part]] >= right_scores[part, None], axis=1)
    return ranks
