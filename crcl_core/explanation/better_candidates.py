"""What fits the suspect pairs better, and how likely it is the right one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from crcl_core.detection import HeldOutEmbeddings
from crcl_core.explanation.candidate_probability import CandidateCurve
from crcl_core.explanation.candidates import NOTHING, Candidates, best_captions, best_images
from crcl_core.explanation.evidence import BetterCaption, BetterImage, Candidate
from crcl_core.types import FloatArray, IntArray

SURE_ABOVE = 0.9
MAX_SURE_PAIRS = 1_000
# Two temperatures of the training (0.05): where no curve tells, a candidate must fit this much better.
_CLEAR_GAIN = 0.1
_LIKELIER_RIGHT = 0.5


@final
@dataclass(frozen=True)
class BetterCandidates:
    """By pair, the best caption and the best image, where they fit better than the pair itself."""

    captions: dict[int, BetterCaption]
    images: dict[int, BetterImage]


def is_convincing(candidate: Candidate) -> bool:
    """Whether a candidate is a reason in itself: likelier right than wrong or, where nothing tells, much better."""
    if candidate.correspondence is None:
        return candidate.gain >= _CLEAR_GAIN
    return candidate.correspondence >= _LIKELIER_RIGHT


def find_better(
    held_out: HeldOutEmbeddings,
    image_index: IntArray,
    caption_index: IntArray,
    correspondence: FloatArray,
    pairs: IntArray,
    *,
    device: str | torch.device = "cpu",
    on_block: Callable[[int], None] = lambda _n: None,
) -> BetterCandidates:
    """Searches the corpus for each of the pairs, both ways; see `best_captions`.

    Args:
        held_out: Embeddings of N pairs by models that never saw them.
        image_index: (N,).
        caption_index: (N,).
        correspondence: (N,) in [0, 1]; pairs above `SURE_ABOVE` teach what a right candidate looks like.
        pairs: (n,), which to search for.
        device: Where to multiply.
        on_block: Told how many pairs were done; every pair, and every sure one that is learned from, counts twice.
    """
    sure = _sample(np.flatnonzero(correspondence > SURE_ABOVE))

    def searched(
        search: Callable[..., Candidates],  # the two functions of one signature
    ) -> tuple[Candidates, CandidateCurve | None]:
        found, known = (
            search(held_out, image_index, caption_index, rows, device=device, on_block=on_block)
            for rows in (pairs, sure)
        )
        return found, CandidateCurve.fit(known)

    captions = {
        pair: BetterCaption(similarity, own, chance, best)
        for pair, best, similarity, own, chance in _better(*searched(best_captions))
    }
    images = {
        pair: BetterImage(similarity, own, chance, best)
        for pair, best, similarity, own, chance in _better(*searched(best_images))
    }
    return BetterCandidates(captions, images)


def _sample(pairs: IntArray) -> IntArray:
    """At most `MAX_SURE_PAIRS`, from the whole corpus evenly."""
    if len(pairs) <= MAX_SURE_PAIRS:
        return pairs
    return pairs[np.linspace(0, len(pairs) - 1, MAX_SURE_PAIRS).astype(np.int64)]


def _better(found: Candidates, curve: CandidateCurve | None) -> list[tuple[int, int, float, float, float | None]]:
    """(pair, best, similarity, own similarity, probability) where the best candidate fits better than what is there."""
    chances = [None] * len(found.pairs) if curve is None else curve(found.similarity).tolist()
    columns = (found.pairs.tolist(), found.best.tolist(), found.similarity.tolist(), found.own.tolist(), chances)
    return [row for row in zip(*columns, strict=True) if row[1] != NOTHING and row[2] > row[3]]
