from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from crcl_core.detection import HeldOutEmbeddings
from crcl_core.explanation.better_candidates import BetterCandidates, find_better
from crcl_core.explanation.blocks import pairs_in_blocks
from crcl_core.explanation.evidence import (
    BetterCaption,
    BetterImage,
    Evidence,
    NoMatch,
    NotADescription,
    ShiftedBlock,
    SwappedBlock,
    Uncertain,
)
from crcl_core.explanation.explaining import Explanation, evidence_of_texts, explain, suspect_pairs

FILE = NotADescription("file_name")
UNCERTAIN = Uncertain((0.0, 1.0), 1.0)
CAPTION = BetterCaption(0.75, 0.25, 0.5, is_fitting=True, caption=8)
IMAGE = BetterImage(0.875, 0.25, 0.5, is_fitting=True, image=9)
POOR_CAPTION = BetterCaption(0.9375, 0.25, 0.5, is_fitting=False, caption=8)


class Block(NamedTuple):
    first: int
    last: int
    offset: int


def explained(*found: Mapping[int, Evidence], better: BetterCandidates | None = None) -> Explanation:
    """The explanation of pair 0."""
    (explanation,) = explain(np.array([0]), found, better)
    return explanation


class TestSuspectPairs:
    def test_pairs_below_the_bound_come_worst_first(self) -> None:
        assert suspect_pairs(np.array([0.4, 0.5, 0.1, 0.9, 0.1], np.float32)).tolist() == [2, 4, 0]

    def test_the_bound_may_be_higher(self) -> None:
        assert suspect_pairs(np.array([0.4, 0.5], np.float32), below=0.6).tolist() == [0, 1]


class TestExplain:
    def test_the_first_reason_by_precedence_wins_and_the_next_runs_up(self) -> None:
        found = explained({0: UNCERTAIN}, {0: FILE}, better=BetterCandidates({0: CAPTION}, {}))
        assert (found.reason, found.runner_up, found.better_caption) == (FILE, CAPTION, CAPTION)

    def test_of_caption_and_image_the_one_that_fits_more_goes_first(self) -> None:
        found = explained(better=BetterCandidates({0: CAPTION}, {0: IMAGE}))
        assert (found.reason, found.runner_up) == (IMAGE, CAPTION)

    def test_a_candidate_that_does_not_fit_only_runs_up(self) -> None:
        found = explained(better=BetterCandidates({0: POOR_CAPTION}, {}))
        assert (found.reason, found.runner_up) == (NoMatch(is_searched=False), POOR_CAPTION)
        assert explained({0: UNCERTAIN}, better=BetterCandidates({0: POOR_CAPTION}, {})).reason == UNCERTAIN

    def test_without_evidence_the_pair_simply_does_not_match(self) -> None:
        (found,) = explain(np.array([3]), [{0: FILE}], searched=[3])
        assert (found.pair, found.reason, found.runner_up) == (3, NoMatch(is_searched=True), None)

    def test_evidence_is_json_with_the_runner_up_in_it(self) -> None:
        assert explained({0: FILE}, {0: UNCERTAIN}).to_json() == {
            "kind": "file_name",
            "template": None,
            "n_pairs": None,
            "runner_up": {"reason_code": "uncertain", "rounds": (0.0, 1.0), "spread": 1.0},
        }

    def test_a_candidate_says_how_much_better_it_is(self) -> None:
        assert explained(better=BetterCandidates({}, {0: IMAGE})).to_json()["gain"] == 0.625


class TestEvidenceOfTexts:
    def test_captions_are_read_of_suspect_pairs_only(self) -> None:
        index = np.arange(2)
        found = evidence_of_texts(np.array([1]), ["1.jpg", "2.jpg"], index, index, np.zeros(2, np.float32))
        assert found == [{1: FILE}, {}]

    def test_a_pasted_caption_is_found_at_each_of_its_pairs(self) -> None:
        captions = np.zeros(5, int)
        _, pasted = evidence_of_texts(np.array([0, 4]), ["a dog"], np.arange(5), captions, np.zeros(5, np.float32))
        assert list(pasted) == [0, 4]


class TestPairsInBlocks:
    def test_every_pair_of_a_shifted_block_gets_it_both_ends_included(self) -> None:
        found = pairs_in_blocks([Block(2, 4, -1)])
        assert found == dict.fromkeys((2, 3, 4), ShiftedBlock(2, 4, -1))

    def test_blocks_that_lead_into_each_other_are_swapped(self) -> None:
        found = pairs_in_blocks([Block(0, 1, 5), Block(5, 6, -5)])
        assert (found[0], found[6]) == (SwappedBlock(0, 1, 5, 6), SwappedBlock(5, 6, 0, 1))

    def test_neighbours_of_opposite_shifts_are_not_swapped(self) -> None:
        found = pairs_in_blocks([Block(0, 9, 1), Block(10, 19, -1)])
        assert {evidence.code.value for evidence in found.values()} == {"shifted_block"}

    def test_no_blocks_explain_nothing(self) -> None:
        assert pairs_in_blocks([]) == {}


class TestFindBetter:
    def test_exchanged_captions_are_found_with_their_probability(self) -> None:
        # Sixty axes; pairs 0 and 1 have each other's captions.
        vectors = np.eye(60, dtype=np.float32)
        captions = vectors[[1, 0, *range(2, 60)]]
        correspondence = np.ones(60, np.float32)
        correspondence[:2] = 0
        held_out = HeldOutEmbeddings(vectors[None], captions[None], np.zeros(60, int))
        better = find_better(held_out, np.arange(60), np.arange(60), correspondence, np.array([0, 1]))
        assert better.captions == {
            0: BetterCaption(1.0, 0.0, 1.0, is_fitting=True, caption=1),
            1: BetterCaption(1.0, 0.0, 1.0, is_fitting=True, caption=0),
        }
        assert {pair: image.image for pair, image in better.images.items()} == {0: 1, 1: 0}

    def test_a_pair_that_fits_as_well_as_sure_ones_has_nothing_that_fits_instead(self) -> None:
        # All sure pairs have a cosine of 0.6; so has pair 0, though another caption has one of 1.
        images = np.eye(61, dtype=np.float32)
        captions = np.float32(0.6) * images + np.float32(0.8) * images[60]
        captions[1] = images[0]
        correspondence = np.ones(60, np.float32)
        correspondence[0] = 0
        held_out = HeldOutEmbeddings(images[None], captions[None], np.zeros(60, int))
        better = find_better(held_out, np.arange(60), np.arange(60), correspondence, np.array([0]))
        assert (better.captions[0].caption, better.captions[0].is_fitting) == (1, False)

    def test_without_sure_pairs_a_clear_gain_is_fitting(self) -> None:
        vectors = np.eye(3, dtype=np.float32)
        held_out = HeldOutEmbeddings(vectors[None], vectors[None], np.zeros(3, int))
        better = find_better(held_out, np.arange(3), np.array([1, 2, 0]), np.zeros(3, np.float32), np.arange(3))
        assert better.captions[0] == BetterCaption(1.0, 0.0, None, is_fitting=True, caption=0)

    def test_what_fits_no_better_is_not_told(self) -> None:
        vectors = np.eye(3, dtype=np.float32)
        held_out = HeldOutEmbeddings(vectors[None], vectors[None], np.zeros(3, int))
        better = find_better(held_out, np.arange(3), np.arange(3), np.zeros(3, np.float32), np.arange(3))
        assert better == BetterCandidates({}, {})
