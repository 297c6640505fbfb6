"""Proposes repairs of a corpus: blocks that are moved back, and flagged captions that go to the images they fit."""

from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection import HeldOutEmbeddings
from crcl_core.repair.assignment import NOT_MOVED, assign
from crcl_core.repair.block_offsets import block_offsets
from crcl_core.repair.candidates import Candidates, CandidateSearch
from crcl_core.repair.choice import FEWEST_PLAYS, CandidateChoice
from crcl_core.repair.competition import let_compete
from crcl_core.repair.held_out_scores import HeldOutScores
from crcl_core.repair.shifted_blocks import ShiftedBlock, exchanged_with, find_shifted_blocks
from crcl_core.repair.sibling_consensus import SiblingConsensus
from crcl_core.repair.witnesses import find_witnesses
from crcl_core.seeding import numpy_generator
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray

# So many candidates are weighed; ten of them are what anybody looks at.
_N_WEIGHED = 32
_N_KEPT = 10
_N_PLAYS = 2_000
_NEARBY = 10


class RepairKind(StrEnum):
    """How a repair moves captions."""

    REASSIGN = "reassign"  # One pair gets the caption of another.
    SHIFT = "shift"  # Each pair of a block gets the caption a constant number of pairs away.
    SWAP = "swap"  # Two blocks exchange their captions.


@final
@dataclass(frozen=True, eq=False)
class Repair:
    """n pairs that should have other captions of the corpus.

    Attributes:
        kind: Of the repair.
        rows: (n,) int64, the pairs that change, counted from 0.
        caption_rows: (n,) int64, the pairs whose captions they get.
        before: (n,) float32 in [0, 1], the probability that each matches as it is.
        after: (n,) float32 in [0, 1], the probability that it matches with the proposed caption, by models that did not
            see that caption's pair.
        offset: How many pairs away the captions are; None of a single pair.
    """

    kind: RepairKind
    rows: IntArray
    caption_rows: IntArray
    before: FloatArray
    after: FloatArray
    offset: int | None

    @property
    def gain(self) -> float:
        """How many more pairs are expected to match."""
        return float(self.after.sum(dtype=np.float64) - self.before.sum(dtype=np.float64))


@final
@dataclass(frozen=True, eq=False)
class RankedImages:
    """For each of n captions the images that fit it best.

    Attributes:
        rows: (n,) int64, the pairs that the captions are of.
        images: (n, K) int64, the best first; -1 where there are fewer.
        probabilities: (n, K) float32, how likely each is the true one.
    """

    rows: IntArray
    images: IntArray
    probabilities: FloatArray


@final
@dataclass(frozen=True, eq=False)
class Repairs:
    """What is proposed for a corpus.

    Attributes:
        proposals: The one with the highest gain first. No pair is in two of them.
        ranked: The images that fit each flagged caption best, whether or not it gets one.
        blocks: The blocks that were found, those that changed places one by one.
    """

    proposals: tuple[Repair, ...]
    ranked: RankedImages
    blocks: tuple[ShiftedBlock, ...]


def propose_repairs(
    features: PairFeatures,
    held_out: HeldOutEmbeddings,
    correspondence: FloatArray,
    is_flagged: BoolArray,
    *,
    seed: int,
) -> Repairs:
    """Proposes repairs from within the corpus.

    First, for every flagged caption, the images of flagged pairs are ranked. Then blocks are looked for, at small
    offsets and at those that many of these images lie at. The flagged pairs outside blocks share out their captions so
    that the expected number of right pairs is the largest; a repair that is expected to make a pair worse is left out.

    Args:
        features: The corpus, its pairs in the order in which they came.
        held_out: Its embeddings by models that each did not see a fold.
        correspondence: (N,) float32 in [0, 1], low = bad: the probability that a pair matches.
        is_flagged: (N,) bool, the pairs to repair.
        seed: Of the run.
    """
    flagged = np.flatnonzero(is_flagged)
    scores = HeldOutScores(features, held_out, seed=seed)
    ranked = _rank_images(features, held_out, scores, correspondence, is_flagged, seed)
    witnesses = find_witnesses(features, scores, correspondence, is_flagged, nearby=_NEARBY, seed=seed)
    offsets = block_offsets(features, ranked.rows, ranked.images, small=_NEARBY) if len(flagged) else []
    blocks = find_shifted_blocks(features, witnesses, correspondence, offsets)
    proposals = _of_blocks(blocks, correspondence)
    # The first captions of a shift go to none of its pairs, and the pairs behind it have lost theirs.
    places = np.setdiff1d(flagged, np.concatenate([flagged[:0], *(repair.rows for repair in proposals)]))
    given = np.concatenate([flagged[:0], *(repair.caption_rows for repair in proposals)])
    proposals += _of_singles(features, ranked, correspondence, places, given)
    proposals.sort(key=lambda repair: (-repair.gain, int(repair.rows[0])))
    return Repairs(tuple(proposals), ranked, tuple(blocks))


def _rank_images(
    features: PairFeatures,
    held_out: HeldOutEmbeddings,
    scores: HeldOutScores,
    correspondence: FloatArray,
    is_flagged: BoolArray,
    seed: int,
) -> RankedImages:
    flagged = np.flatnonzero(is_flagged)
    pool = np.unique(features.image_index[flagged])
    plays = _draw_plays(features, correspondence, seed)
    if len(pool) < 2 or len(plays) < FEWEST_PLAYS:
        return _no_images(flagged)
    search = CandidateSearch(features, held_out, scores, SiblingConsensus(features, correspondence, is_flagged))
    play_images = features.image_index[plays]
    played = search.find(plays, np.union1d(pool, play_images), _N_WEIGHED, is_own_hidden=True)
    if np.count_nonzero((played.images == play_images[:, None]).any(axis=1)) < FEWEST_PLAYS:
        return _no_images(flagged)
    choice = CandidateChoice(played, play_images)
    candidates = search.find(flagged, pool, _N_WEIGHED)
    # Each flagged pair that is wrong leaves a place at its image for a caption that was taken from it.
    is_wrong = 1 - correspondence[flagged].astype(np.float64)
    capacity = np.bincount(features.image_index[flagged], weights=is_wrong, minlength=features.n_images)
    alone = choice.probabilities(candidates, correspondence[flagged])
    return _best(candidates, let_compete(candidates.images, alone, capacity.astype(np.float64)))


def _draw_plays(features: PairFeatures, correspondence: FloatArray, seed: int) -> IntArray:
    """Pairs drawn by their correspondence, of those that no other equals in both image and caption."""
    combination = features.image_index * features.n_captions + features.caption_index
    _, inverse, counts = np.unique(combination, return_inverse=True, return_counts=True)
    weights = np.where(counts[inverse] == 1, correspondence, 0).astype(np.float64)
    n_plays = min(_N_PLAYS, int(np.count_nonzero(weights)))
    if not n_plays:
        return np.empty(0, dtype=np.int64)
    random = numpy_generator(seed, "repair plays")
    drawn = random.choice(len(weights), n_plays, replace=False, p=weights / weights.sum())
    return np.sort(drawn).astype(np.int64)


def _best(candidates: Candidates, probabilities: DoubleArray) -> RankedImages:
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :_N_KEPT]
    return RankedImages(
        candidates.rows,
        np.take_along_axis(candidates.images, order, axis=1),
        np.take_along_axis(probabilities, order, axis=1).astype(np.float32),
    )


def _no_images(rows: IntArray) -> RankedImages:
    return RankedImages(rows, np.empty((len(rows), 0), dtype=np.int64), np.empty((len(rows), 0), dtype=np.float32))


def _of_blocks(blocks: list[ShiftedBlock], correspondence: FloatArray) -> list[Repair]:
    proposals, is_done = [], set[int]()
    for number, block in enumerate(blocks):
        if number in is_done:
            continue
        other = exchanged_with(block, blocks)
        parts = [block] if other is None else sorted((block, other), key=lambda part: part.first)
        is_done.update(blocks.index(part) for part in parts)
        rows = np.concatenate([part.rows for part in parts])
        proposals.append(
            Repair(
                kind=RepairKind.SHIFT if other is None else RepairKind.SWAP,
                rows=rows,
                caption_rows=np.concatenate([part.rows + part.offset for part in parts]),
                before=correspondence[rows],
                after=np.concatenate([part.after for part in parts]),
                offset=parts[0].offset,
            )
        )
    return [repair for repair in proposals if repair.gain > 0]


def _of_singles(
    features: PairFeatures, ranked: RankedImages, correspondence: FloatArray, left: IntArray, given: IntArray
) -> list[Repair]:
    """One repair a pair, for the pairs that are left, of captions that are not given yet."""
    is_left = ~np.isin(ranked.rows, given)
    rows, probabilities = ranked.rows[is_left], ranked.probabilities[is_left].astype(np.float64)
    images = ranked.images[is_left]
    places = assign(images, probabilities, features.image_index[left])
    proposals = []
    for number in np.flatnonzero(places != NOT_MOVED):
        place = left[places[number]]
        is_chosen = images[number] == features.image_index[place]
        after = probabilities[number][is_chosen].max()
        if after > correspondence[place]:
            proposals.append(
                Repair(
                    kind=RepairKind.REASSIGN,
                    rows=np.array([place]),
                    caption_rows=rows[number : number + 1],
                    before=correspondence[[place]],
                    after=np.array([after], dtype=np.float32),
                    offset=None,
                )
            )
    return proposals
