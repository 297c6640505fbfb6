"""Looks for a better caption for an image, and a better image for a caption, with models that never saw the pair."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from crcl_core.detection import HeldOutEmbeddings
from crcl_core.types import FloatArray, IntArray

_BLOCK_BYTES = 128 << 20
_MASKED = -2.0  # below every cosine
NOTHING = -1


@final
@dataclass(frozen=True, eq=False)
class Candidates:
    """The best candidates of n pairs.

    Attributes:
        pairs: (n,) int64, the pairs.
        own: (n,) float32, cosine of each pair.
        best: (n,) int64, row of the best candidate among the distinct captions or images; NOTHING where there is none.
        similarity: (n,) float32, its cosine.
    """

    pairs: IntArray
    own: FloatArray
    best: IntArray
    similarity: FloatArray


def best_captions(
    held_out: HeldOutEmbeddings,
    image_index: IntArray,
    caption_index: IntArray,
    pairs: IntArray,
    *,
    device: str | torch.device = "cpu",
    on_block: Callable[[int], None] = lambda _n: None,
) -> Candidates:
    """The caption that fits each pair's image best, among all distinct captions that no pair gives to this image.

    So neither the pair's own caption nor a duplicate of it nor a sibling is a candidate. Every block of cosines is
    computed, used and forgotten, so memory is bounded; the work is n x C x J multiply-adds.

    Args:
        held_out: Pair i is judged by model `fold[i]`.
        image_index: (N,), of all pairs of the corpus.
        caption_index: (N,), likewise.
        pairs: (n,), which to look at.
        device: Where to multiply.
        on_block: Told after each block how many pairs it had.
    """
    return _best(
        _Side(held_out.images, image_index), _Side(held_out.captions, caption_index), held_out, pairs, device, on_block
    )


def best_images(
    held_out: HeldOutEmbeddings,
    image_index: IntArray,
    caption_index: IntArray,
    pairs: IntArray,
    *,
    device: str | torch.device = "cpu",
    on_block: Callable[[int], None] = lambda _n: None,
) -> Candidates:
    """The image that fits each pair's caption best, among those that no pair gives to this caption; see above."""
    return _best(
        _Side(held_out.captions, caption_index), _Side(held_out.images, image_index), held_out, pairs, device, on_block
    )


@final
@dataclass(frozen=True, eq=False)
class _Side:
    """Images or captions: (K, M, J) embeddings and the row (N,) of each pair's own."""

    embeddings: FloatArray
    index: IntArray


def _best(
    asking: _Side,
    pool: _Side,
    held_out: HeldOutEmbeddings,
    pairs: IntArray,
    device: str | torch.device,
    on_block: Callable[[int], None],
) -> Candidates:
    n = len(pairs)
    found = Candidates(pairs, np.zeros(n, np.float32), np.full(n, NOTHING), np.zeros(n, np.float32))
    links = _Links(asking.index, pool.index, asking.embeddings.shape[1])
    n_rows = max(1, _BLOCK_BYTES // (4 * max(1, pool.embeddings.shape[1])))
    for model in range(held_out.n_folds):
        of_model = np.flatnonzero(held_out.fold[pairs] == model)
        if not len(of_model):
            continue
        against = _placed(pool.embeddings[model], device)  # (M, J)
        for at in _blocks(of_model, n_rows):
            rows = asking.index[pairs[at]]
            cosines = _placed(asking.embeddings[model][rows], device) @ against.T  # (n, M)
            found.own[at] = cosines[np.arange(len(at)), pool.index[pairs[at]]].cpu().numpy()
            cosines[links.cells(rows)] = _MASKED
            value, best = cosines.max(dim=1)
            is_there = (value > _MASKED).cpu().numpy()
            found.best[at] = np.where(is_there, best.cpu().numpy(), NOTHING)
            found.similarity[at] = np.where(is_there, value.cpu().numpy(), 0)
            on_block(len(at))
    return found


@final
class _Links:
    """Which of the pool's rows the pairs give to each asking row."""

    def __init__(self, asking: IntArray, pool: IntArray, n_asking: int) -> None:
        order = np.argsort(asking, kind="stable")
        self._linked = pool[order]
        self._ends = np.cumsum(np.bincount(asking, minlength=n_asking))

    def cells(self, rows: IntArray) -> tuple[torch.Tensor, torch.Tensor]:
        """Row numbers within `rows`, and beside each a row of the pool that is linked with it."""
        starts = np.where(rows > 0, self._ends[rows - 1], 0)
        counts = self._ends[rows] - starts
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        linked = self._linked[np.repeat(starts, counts) + within]
        return torch.from_numpy(np.repeat(np.arange(len(rows)), counts)), torch.from_numpy(linked)


def _placed(rows: FloatArray, device: str | torch.device) -> torch.Tensor:
    # A copy: torch warns about sharing memory that is mapped read-only.
    return torch.from_numpy(np.array(rows, dtype=np.float32)).to(device)


def _blocks(rows: IntArray, n_rows: int) -> Iterator[IntArray]:
    for start in range(0, len(rows), n_rows):
        yield rows[start : start + n_rows]
