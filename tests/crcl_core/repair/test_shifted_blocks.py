import dataclasses

import numpy as np
import pytest

from crcl_core.repair.held_out_scores import HeldOutScores
from crcl_core.repair.shifted_blocks import ShiftedBlock, exchanged_with, find_shifted_blocks
from crcl_core.repair.witnesses import find_witnesses
from tests.crcl_core.repair.corpora import JudgedCorpus, judged_corpus, with_noise

OFFSETS = [offset for offset in range(-8, 9) if offset]


def blocks_of(corpus: JudgedCorpus, offsets: list[int] = OFFSETS) -> list[ShiftedBlock]:
    scores = HeldOutScores(corpus.features, corpus.held_out, seed=0)
    witnesses = find_witnesses(corpus.features, scores, corpus.correspondence, corpus.is_flagged, nearby=8, seed=0)
    return find_shifted_blocks(corpus.features, witnesses, corpus.correspondence, offsets)


def spans(blocks: list[ShiftedBlock]) -> list[tuple[int, int, int]]:
    return sorted((block.first, block.last, block.offset) for block in blocks)


def rolled(n_pairs: int, first: int, end: int, by: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    own = np.arange(n_pairs)
    own[first:end] = np.roll(own[first:end], -by)
    return own


def learned_shift(n_pairs: int, first: int, end: int, *, by: int) -> JudgedCorpus:
    """Kinds of images in a row of their own order, a block of which is shifted, in a corpus that took it for right."""
    random = np.random.default_rng(0)
    kinds = np.repeat(random.integers(0, 12, n_pairs // 5), 5)
    vectors = (np.eye(12)[kinds] + 0.05 * random.normal(size=(n_pairs, 12))).astype(np.float32)
    own = rolled(n_pairs, first, end, by)
    captions = np.empty_like(vectors)
    captions[own] = vectors  # Caption own[p] tells of image p.
    corpus = judged_corpus(np.arange(n_pairs), captions_per_image=5)
    features = dataclasses.replace(corpus.features, image_features=vectors[::5].copy(), caption_features=captions)
    return dataclasses.replace(corpus, features=features)


class TestFindShiftedBlocks:
    def test_a_planted_shift_is_found_with_its_place_and_offset(self) -> None:
        assert spans(blocks_of(judged_corpus(rolled(300, 100, 160, 2)))) == [(100, 157, 2)]

    def test_a_shift_back_has_a_negative_offset(self) -> None:
        assert spans(blocks_of(judged_corpus(rolled(300, 100, 160, -1)))) == [(101, 159, -1)]

    def test_a_missing_row_shifts_all_that_follow(self) -> None:
        own = np.concatenate((np.arange(200), np.arange(201, 300), [200]))
        (block,) = blocks_of(judged_corpus(own))
        assert (block.first, block.last, block.offset) == (200, 298, 1)

    def test_odd_pairs_inside_do_not_split_a_block(self) -> None:
        own = rolled(300, 100, 160, 1)
        own[[110, 130, 140]] = own[[130, 140, 110]]
        (block,) = blocks_of(judged_corpus(own))
        assert (block.first, block.last) == (100, 158)
        assert block.after[10] < 0.1 < 0.9 < block.after[11]

    def test_every_pair_of_a_shift_is_surer_after(self) -> None:
        (block,) = blocks_of(judged_corpus(rolled(300, 100, 160, 2)))
        assert block.after.min() > 0.9

    @pytest.mark.parametrize("seed", range(5))
    def test_random_mismatches_are_no_shift(self, seed: int) -> None:
        assert blocks_of(judged_corpus(with_noise(300, 0.4, seed=seed), seed=seed)) == []

    def test_clean_pairs_are_no_shift(self) -> None:
        assert blocks_of(judged_corpus(np.arange(300))) == []

    def test_two_shifts_beside_each_other_are_two(self) -> None:
        own = rolled(400, 100, 160, 1)
        own[160:220] = np.roll(own[160:220], -3)
        assert spans(blocks_of(judged_corpus(own))) == [(100, 158, 1), (160, 216, 3)]

    def test_whole_images_may_be_shifted(self) -> None:
        corpus = judged_corpus(rolled(500, 200, 300, 5), captions_per_image=5)
        assert spans(blocks_of(corpus)) == [(200, 294, 5)]

    def test_captions_of_one_image_say_nothing_and_move_along(self) -> None:
        # Of five captions an image, a shift by one makes only the first wrong.
        corpus = judged_corpus(rolled(500, 200, 300, 1), captions_per_image=5)
        (block,) = blocks_of(corpus)
        assert (block.first, block.last, block.offset) == (200, 298, 1)
        assert corpus.is_flagged[200:300].sum() == 20
        assert block.after.min() > 0.9

    def test_a_block_whose_own_captions_fit_as_well_is_left_alone(self) -> None:
        corpus = judged_corpus(np.arange(300))
        corpus.held_out.captions[:, 101:161] = corpus.held_out.images[:, 100:160]
        assert blocks_of(corpus) == []

    def test_one_pair_has_no_block(self) -> None:
        assert blocks_of(judged_corpus([0])) == []

    def test_no_offset_is_no_block(self) -> None:
        assert blocks_of(judged_corpus(rolled(300, 100, 160, 2)), []) == []

    def test_whole_images_whose_wrong_captions_were_learned_are_betrayed_by_their_neighbours(self) -> None:
        corpus = learned_shift(2_000, 900, 1_000, by=5)
        (block,) = blocks_of(corpus)
        assert (block.offset, block.last - block.first + 1) == (5, 95)
        assert block.first == 900


class TestExchangedWith:
    def test_two_blocks_that_changed_places_know_each_other(self) -> None:
        own = np.arange(400)
        own[100:150], own[300:350] = own[300:350].copy(), own[100:150].copy()
        first, second = sorted(blocks_of(judged_corpus(own), [200, -200]), key=lambda block: block.first)
        assert exchanged_with(first, [first, second]) is second
        assert exchanged_with(second, [first, second]) is first

    def test_a_shift_has_no_other(self) -> None:
        (block,) = blocks_of(judged_corpus(rolled(300, 100, 160, 2)))
        assert exchanged_with(block, [block]) is None
