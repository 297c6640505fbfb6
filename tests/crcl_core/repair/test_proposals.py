import numpy as np
import pytest

from crcl_core.repair import RepairKind, Repairs, propose_repairs
from crcl_core.types import DoubleArray, FloatArray
from tests.crcl_core.repair.corpora import JudgedCorpus, judged_corpus, with_noise


def repairs_of(corpus: JudgedCorpus) -> Repairs:
    return propose_repairs(corpus.features, corpus.held_out, corpus.correspondence, corpus.is_flagged, seed=0)


@pytest.fixture(scope="module")
def shuffled() -> JudgedCorpus:
    return judged_corpus(with_noise(300, 0.3))


class TestProposeRepairs:
    def test_shuffled_captions_find_their_images(self, shuffled: JudgedCorpus) -> None:
        repairs = repairs_of(shuffled)
        assert len(repairs.proposals) == 90
        for repair in repairs.proposals:
            assert repair.kind is RepairKind.REASSIGN
            assert repair.caption_rows.tolist() == shuffled.own[repair.rows].tolist()
            assert repair.before[0] < 0.1 < repair.after[0]

    def test_no_pair_and_no_caption_is_in_two(self, shuffled: JudgedCorpus) -> None:
        proposals = repairs_of(shuffled).proposals
        for rows in ([r.rows for r in proposals], [r.caption_rows for r in proposals]):
            assert len(np.unique(np.concatenate(rows))) == len(np.concatenate(rows))

    def test_the_largest_gain_comes_first(self, shuffled: JudgedCorpus) -> None:
        gains = [repair.gain for repair in repairs_of(shuffled).proposals]
        assert gains == sorted(gains, reverse=True)

    def test_the_same_seed_proposes_the_same(self, shuffled: JudgedCorpus) -> None:
        first, second = repairs_of(shuffled), repairs_of(shuffled)
        assert [r.rows.tolist() for r in first.proposals] == [r.rows.tolist() for r in second.proposals]
        np.testing.assert_array_equal(first.ranked.probabilities, second.ranked.probabilities)

    def test_the_true_image_is_ranked_first_and_the_current_one_not_at_all(self, shuffled: JudgedCorpus) -> None:
        ranked = repairs_of(shuffled).ranked
        image_of_caption = np.empty(300, dtype=np.int64)
        image_of_caption[shuffled.own] = shuffled.features.image_index
        assert np.mean(ranked.images[:, 0] == image_of_caption[ranked.rows]) > 0.95
        assert not (ranked.images == shuffled.features.image_index[ranked.rows][:, None]).any()

    def test_captions_whose_image_is_missing_are_expected_to_stay(self) -> None:
        corpus = judged_corpus(np.arange(400))
        random = np.random.default_rng(1)
        foreign = np.arange(0, 400, 4)
        corpus.held_out.captions[:, foreign] = _unit(random.normal(size=(3, 100, corpus.held_out.captions.shape[2])))
        corpus.correspondence[foreign] = 0.03
        assert repairs_of(corpus).ranked.probabilities.sum(axis=1).mean() < 0.3

    def test_a_shift_is_one_proposal_for_all_its_pairs(self) -> None:
        own = np.arange(300)
        own[100:160] = np.roll(own[100:160], -2)
        first, *others = repairs_of(judged_corpus(own)).proposals
        assert (first.kind, first.offset) == (RepairKind.SHIFT, 2)
        assert first.rows.tolist() == list(range(100, 158))
        assert first.caption_rows.tolist() == list(range(102, 160))
        assert all(repair.kind is RepairKind.REASSIGN for repair in others)

    def test_two_blocks_that_changed_places_are_one_proposal(self) -> None:
        own = np.arange(400)
        own[100:150], own[300:350] = own[300:350].copy(), own[100:150].copy()
        (repair,) = repairs_of(judged_corpus(own)).proposals
        assert (repair.kind, repair.offset, len(repair.rows)) == (RepairKind.SWAP, 200, 100)
        assert repair.caption_rows.tolist() == own[repair.rows].tolist()

    def test_captions_of_one_image_are_not_exchanged(self) -> None:
        corpus = judged_corpus(np.arange(300), captions_per_image=5)
        corpus.correspondence[10:20] = 0.1
        for repair in repairs_of(corpus).proposals:
            assert (corpus.features.image_index[repair.rows] != corpus.features.image_index[repair.caption_rows]).all()

    def test_equal_captions_are_not_exchanged(self) -> None:
        own = with_noise(300, 0.3)
        corpus = judged_corpus(own)
        wrong = np.flatnonzero(corpus.is_flagged)[:2]
        corpus.features.caption_index[wrong[0]] = wrong[1]
        for repair in repairs_of(corpus).proposals:
            assert set(wrong.tolist()) != {int(repair.rows[0]), int(repair.caption_rows[0])}

    def test_where_nothing_is_flagged_nothing_is_proposed(self) -> None:
        repairs = repairs_of(judged_corpus(np.arange(300)))
        assert repairs.proposals == ()
        assert len(repairs.ranked.rows) == 0

    def test_one_pair_has_no_repair(self) -> None:
        assert repairs_of(judged_corpus([0])).proposals == ()

    def test_where_all_is_flagged_there_is_nothing_to_learn_from(self) -> None:
        corpus = judged_corpus(np.roll(np.arange(60), 30))
        assert repairs_of(corpus).proposals == ()


def _unit(vectors: DoubleArray) -> FloatArray:
    unit: FloatArray = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return unit
