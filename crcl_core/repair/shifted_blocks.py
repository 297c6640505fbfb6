"""Blocks of pairs whose captions stand a constant number of places away: a shift, or two blocks that changed places."""

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.repair.match_odds import are_alike
from crcl_core.repair.segments import segments_above
from crcl_core.repair.witnesses import Witness
from crcl_core.types import DoubleArray, FloatArray, IntArray

# So many pairs inside a block may be wrong for a reason of their own.
_ODD_RATIO = 0.2
# Chance of one false block in a corpus without any.
_FALSE_ALARM = 0.01
_RAREST = 0.005
_MOSTLY = 0.5
_N_EM_STEPS = 20
_TAKEN = -1e6  # Evidence that no run outweighs, yet finite: sums must stay numbers.


@final
@dataclass(frozen=True, eq=False)
class ShiftedBlock:
    """Consecutive pairs, each of whose images matches the caption `offset` pairs away.

    Attributes:
        first: First pair of the block, counted from 0.
        last: Its last, inclusive.
        offset: Pair p should have the caption of pair p + offset.
        evidence: How much likelier the scores are with the block than without, in nats.
        after: (n,) float32, the probability that each of its pairs then matches.
    """

    first: int
    last: int
    offset: int
    evidence: float
    after: FloatArray

    @property
    def rows(self) -> IntArray:
        """(n,) int64, its pairs."""
        return np.arange(self.first, self.last + 1, dtype=np.int64)


def find_shifted_blocks(
    features: PairFeatures, witnesses: Sequence[Witness], correspondence: FloatArray, offsets: Sequence[int]
) -> list[ShiftedBlock]:
    """Finds the blocks, the most evident first; none overlaps another.

    For each offset and witness a pair's evidence is the log ratio of how likely its scores are inside a block and
    outside. Inside, its image matches the caption that many places away, but for a share of odd pairs, and that caption
    does not match where it stands. Without a block such a ratio is at most 1 in the mean, so a run of pairs adds up to
    t with a chance of about exp(-t) for each place to begin, offset and witness: that sets the bar. Neighbours of one
    image speak for a block once between them. A pair that shares its image with the one at the offset never speaks for
    a block; it speaks against one where the caption there does not match that image. A run most of whose captions are
    likelier right than wrong is left alone, however well they fit elsewhere.

    Args:
        features: The corpus, its pairs in the order in which they came.
        witnesses: Who knows anything of its pairs.
        correspondence: (N,) float32 in [0, 1], the probability that a pair matches.
        offsets: Which to try; not 0.
    """
    if not witnesses or not offsets:
        return []
    n_pairs = features.n_pairs
    least = math.log(n_pairs * len(offsets) * len(witnesses) / _FALSE_ALARM)
    noise_rate = float(np.clip(1 - correspondence.mean(), _RAREST, 1 - _RAREST))
    stretches = [
        stretch
        for witness in witnesses
        for offset in offsets
        for stretch in _at_offset(features, witness, offset, least, noise_rate)
    ]
    return _to_blocks(_disjoint(stretches, n_pairs, least), correspondence)


def exchanged_with(block: ShiftedBlock, others: Sequence[ShiftedBlock]) -> ShiftedBlock | None:
    """The block that changed places with one: as far in the other direction, over mostly the same pairs."""
    first, last = block.first + block.offset, block.last + block.offset
    for other in others:
        shared = min(last, other.last) - max(first, other.first) + 1
        if other.offset == -block.offset and 2 * shared > max(len(block.after), len(other.after)):
            return other
    return None


def _at_offset(
    features: PairFeatures, witness: Witness, offset: int, least: float, noise_rate: float
) -> Iterator["_Stretch"]:
    """The runs that a witness sees at one offset."""
    rows = _rows_with(offset, features.n_pairs)
    rows = rows[~are_alike(features, rows, rows + offset)]
    if not len(rows):
        return
    log_odds = np.full(features.n_pairs, np.nan)
    log_odds[rows] = witness.log_odds(rows, rows + offset)
    inside = np.logaddexp(math.log(1 - _ODD_RATIO) + log_odds[rows], math.log(_ODD_RATIO))
    # That a pair is wrong where it stands speaks for no offset more than for another, and wrong pairs come in crowds.
    own = np.minimum(np.log((1 - witness.match[rows + offset]) / noise_rate), 0)
    evidence = _against(witness.match, offset)
    evidence[rows] = (inside + own) / _repeats(features.image_index[rows])
    for first, end, total in segments_above(evidence, least):
        captions = rows[(rows >= first) & (rows < end)] + offset
        if np.mean(witness.is_wrong[captions]) >= _MOSTLY:
            yield _Stretch(total, offset, first, evidence[first:end], log_odds)


def _against(match: DoubleArray, offset: int) -> DoubleArray:
    """(N,) evidence, 0 or less, of pairs that share their image with the one at the offset: its caption must match."""
    evidence = np.zeros(len(match))
    rows = _rows_with(offset, len(match))
    evidence[rows] = np.log(match[rows + offset] + _ODD_RATIO * (1 - match[rows + offset]))
    return evidence


def _rows_with(offset: int, n_pairs: int) -> IntArray:
    """The pairs that have another at this offset."""
    return np.arange(max(0, -offset), max(0, min(n_pairs, n_pairs - offset)), dtype=np.int64)


def _repeats(images: IntArray) -> IntArray:
    """(n,) how long the run of one image is that each place is in."""
    starts = np.flatnonzero(np.concatenate(([True], images[1:] != images[:-1])))
    lengths = np.diff(np.append(starts, len(images)))
    repeats: IntArray = np.repeat(lengths, lengths)
    return repeats


def _after(log_odds: DoubleArray) -> FloatArray:
    """The probability that each pair of a block matches, with the block's own share of odd pairs (EM)."""
    odd = _ODD_RATIO
    after = np.zeros(len(log_odds))
    for _ in range(_N_EM_STEPS):
        after = 1 / (1 + odd / (1 - odd) * np.exp(-log_odds))
        # One odd pair more than was seen: no block is surely whole.
        odd = float((len(after) - after.sum() + 1) / (len(after) + 2))
    return after.astype(np.float32)


def _disjoint(stretches: list["_Stretch"], n_pairs: int, least: float) -> list["_Stretch"]:
    """Gives each pair to its most evident stretch: at 4 places most captions of a shift by 5 fit as well."""
    is_taken = np.zeros(n_pairs, dtype=np.bool_)
    count = itertools.count()  # Two witnesses may see the very same.
    waiting = [(*stretch.place(), next(count), stretch) for stretch in stretches]
    heapq.heapify(waiting)
    kept = []
    while waiting:
        stretch = heapq.heappop(waiting)[-1]
        span = slice(stretch.first, stretch.end)
        if is_taken[span].any():
            evidence = np.where(is_taken[span], _TAKEN, stretch.evidence)
            for part in (stretch.part(*found) for found in segments_above(evidence, least)):
                heapq.heappush(waiting, (*part.place(), next(count), part))
        else:
            is_taken[span] = True
            kept.append(stretch)
    return kept


def _to_blocks(stretches: list["_Stretch"], correspondence: FloatArray) -> list[ShiftedBlock]:
    is_taken = np.zeros(len(correspondence), dtype=np.bool_)
    for stretch in stretches:
        is_taken[stretch.first : stretch.end] = True
    blocks = []
    for stretch in stretches:
        first, end = stretch.first, stretch.end
        # Captions of one image move with their block, else one is given twice and another is lost.
        while first > 0 and not is_taken[first - 1] and stretch.moves_along(first - 1):
            first -= 1
        while end < len(is_taken) and not is_taken[end] and stretch.moves_along(end):
            end += 1
        is_taken[first:end] = True
        log_odds = stretch.log_odds[first:end]
        # A caption of the same image is as good there as where it stands.
        after = correspondence[first + stretch.offset : end + stretch.offset].astype(np.float32)
        is_changed = ~np.isnan(log_odds)
        after[is_changed] = _after(log_odds[is_changed])
        blocks.append(ShiftedBlock(first, end - 1, stretch.offset, stretch.total, after))
    return blocks


@final
@dataclass(frozen=True, eq=False)
class _Stretch:
    """A run of n pairs that fit one offset.

    Attributes:
        evidence: (n,) of the run.
        log_odds: (N,) of the corpus at this offset; NaN where the pair at the offset has the same image or caption.
    """

    total: float
    offset: int
    first: int
    evidence: DoubleArray
    log_odds: DoubleArray

    @property
    def end(self) -> int:
        return self.first + len(self.evidence)

    def place(self) -> tuple[float, int, int, int]:
        """What orders stretches: the most evident first, of equals that of the smaller offset."""
        return (-self.total, abs(self.offset), self.offset, self.first)

    def part(self, start: int, end: int, total: float) -> "_Stretch":
        return _Stretch(total, self.offset, self.first + start, self.evidence[start:end], self.log_odds)

    def moves_along(self, row: int) -> bool:
        return 0 <= row + self.offset < len(self.log_odds) and bool(np.isnan(self.log_odds[row]))
