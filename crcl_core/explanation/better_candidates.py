"""What fits the suspect pairs better, and how likely it is the right one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch

from crcl_core.detection import HeldOutEmbeddings
from crcl_core.explanation.candidate_probability import MIN_SURE_PAIRS, CandidateCurve
from crcl_core.explanation.candidates import NOTHING, Candidates, best_captions, best_images
from crcl_core.explanation.evidence import BetterCaption, BetterImage
from crcl_core.types import BoolArray, FloatArray, IntArray

SURE_ABOVE = 0.9
MAX_SURE_PAIRS = 1_000
# Of the cosines of pairs that surely match: what a candidate must reach, and what the pair itself must not.
_FITTING_QUANTILE, _OWN_QUANTILE = 0.25, 0.05
# Four temperatures of the training (0.05): where too few pairs surely match, a candidate must fit this much better.
_CLEAR_GAIN = 0.2


@final
@dataclass(frozen=True)
class BetterCandidates:
    """By pair, the best caption and the best image, where they fit better than the pair itself."""

    captions: dict[int, BetterCaption]
    images: dict[int, BetterImage]


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

    def better(search: Callable[..., Candidates]) -> Iterator[_Better]:  # the two searches have one signature
        found, known = (
            search(held_out, image_index, caption_index, rows, device=device, on_block=on_block)
            for rows in (pairs, sure)
        )
        return _better(found, known)

    return BetterCandidates(
        {row.pair: BetterCaption(*row.seen, row.best) for row in better(best_captions)},
        {row.pair: BetterImage(*row.seen, row.best) for row in better(best_images)},
    )


def _sample(pairs: IntArray) -> IntArray:
    """At most `MAX_SURE_PAIRS`, from the whole corpus evenly."""
    if len(pairs) <= MAX_SURE_PAIRS:
        return pairs
    return pairs[np.linspace(0, len(pairs) - 1, MAX_SURE_PAIRS).astype(np.int64)]


class _Better(NamedTuple):
    """A candidate that fits better than its pair; `seen` are the fields of a Candidate, in their order."""

    pair: int
    best: int
    seen: tuple[float, float, float | None, bool]


def _better(found: Candidates, sure: Candidates) -> Iterator[_Better]:
    curve = CandidateCurve.fit(sure)
    chances = [None] * len(found.pairs) if curve is None else curve(found.similarity).tolist()
    columns = (found.pairs, found.best, found.similarity, found.own, _is_fitting(found, sure))
    for pair, best, similarity, own, fits, chance in zip(
        *(column.tolist() for column in columns), chances, strict=True
    ):
        if best != NOTHING and similarity > own:
            yield _Better(pair, best, (similarity, own, chance, fits))


def _is_fitting(found: Candidates, sure: Candidates) -> BoolArray:
    """Whether the candidates (n,) fit as sure pairs do while their own pairs do not."""
    if len(sure.pairs) < MIN_SURE_PAIRS:
        is_clear: BoolArray = found.similarity - found.own >= _CLEAR_GAIN
        return is_clear
    fitting, poor = np.quantile(sure.own, [_FITTING_QUANTILE, _OWN_QUANTILE])
    is_fitting: BoolArray = (found.similarity >= fitting) & (found.own < poor)
    return is_fitting
