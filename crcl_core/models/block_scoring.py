"""Scores of all pairs, a block of them at a time."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from crcl_core.models.bidirectional_gru import valid_positions
from crcl_core.models.fragment_encoder import Fragments
from crcl_core.models.pair_blocks import PairMemory, pair_grid


class ImagePart(NamedTuple):
    """Images of a block."""

    regions: Tensor  # (I, R, J)
    region_products: Tensor  # (I, R, R), of each image's regions among themselves
    image_globals: Tensor  # (I, J)


class CaptionPart(NamedTuple):
    """Captions of a block."""

    words: Tensor  # (C, T, J), T the longest of them
    is_word: Tensor  # (C, T) bool
    caption_globals: Tensor  # (C, J)
    places: Tensor  # (C,) int64, where they stand in the batch


class PairBlock(NamedTuple):
    """What a block is scored from."""

    images: ImagePart
    captions: CaptionPart


# Scores each image of a block against each caption: (I, C).
ScoreBlock = Callable[[PairBlock], Tensor]


def score_in_blocks(
    score: ScoreBlock, fragments: Fragments, memory: PairMemory, *, needs_all_images: bool = False
) -> Tensor:
    """Scores every image against every caption, as if all at once.

    For a gradient, a block is either kept whole, while the budget lasts, or scored again when its turn comes. In
    evaluation nothing but the scores remains of a block.

    Args:
        score: Scores the pairs of a block. It may run twice on the same block and draws no random numbers.
        fragments: Of the whole batch.
        memory: The budget.
        needs_all_images: Whether a caption must meet all images in one block.

    Returns:
        (I, C).
    """
    if not len(fragments.regions) or not len(fragments.words):
        return fragments.image_globals @ fragments.caption_globals.t()  # no pair, and still a graph
    order = fragments.lengths.argsort(descending=True, stable=True)
    lengths: list[int] = fragments.lengths[order].tolist()
    grid = pair_grid(lengths, len(fragments.regions), memory, needs_all_images=needs_all_images)
    image_parts = _image_parts(fragments, list(grid.image_sizes))
    rows: list[Tensor] = []
    for captions in _caption_parts(fragments, order, list(grid.caption_sizes)):
        row: list[Tensor] = []
        for images in image_parts:
            n_done = len(rows) * len(image_parts) + len(row)
            row.append(_scored(score, PairBlock(images, captions), is_kept=n_done < grid.n_kept))
        rows.append(torch.cat(row))
    return torch.cat(rows, dim=1)[:, order.argsort()]  # (I, C), the captions in their own order again


def _scored(score: ScoreBlock, block: PairBlock, *, is_kept: bool) -> Tensor:
    if is_kept or not torch.is_grad_enabled():
        return score(block)
    scored: Tensor = checkpoint(score, block, use_reentrant=False, preserve_rng_state=False)
    return scored


# Each array is parted once and whole, so that its gradient is put together once rather than for every block.


def _image_parts(fragments: Fragments, sizes: list[int]) -> list[ImagePart]:
    regions = fragments.regions
    arrays = (regions, regions @ regions.transpose(1, 2), fragments.image_globals)
    if len(sizes) == 1:
        return [ImagePart(*arrays)]
    parts = zip(*(torch.split(array, sizes) for array in arrays), strict=True)
    return [ImagePart(*part) for part in parts]


def _caption_parts(fragments: Fragments, order: Tensor, sizes: list[int]) -> list[CaptionPart]:
    arrays = (fragments.words[order], fragments.lengths[order], fragments.caption_globals[order], order)
    parts = []
    for words, lengths, caption_globals, places in zip(*(torch.split(array, sizes) for array in arrays), strict=True):
        n_words = int(lengths[0])  # the longest caption is first
        parts.append(CaptionPart(words[:, :n_words], valid_positions(lengths, n_words), caption_globals, places))
    return parts
