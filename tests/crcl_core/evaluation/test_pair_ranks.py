import numpy as np
import pytest

from crcl_core.evaluation import rank_pairs, rank_pairs_of_embeddings
from crcl_core.types import DoubleArray, IntArray


def slow_ranks(similarities: DoubleArray, images: IntArray, captions: IntArray) -> tuple[list[int], list[int]]:
    """Ranks by the definition, one candidate at a time: who scores at least as much and is not a right answer too."""
    known = set(zip(images.tolist(), captions.tolist(), strict=True))
    n_images, n_captions = similarities.shape
    image_to_text, text_to_image = [], []
    for image, caption in zip(images.tolist(), captions.tolist(), strict=True):
        score = similarities[image, caption]
        rivals = [other for other in range(n_captions) if (image, other) not in known]
        image_to_text.append(1 + sum(bool(similarities[image, other] >= score) for other in rivals))
        rivals = [other for other in range(n_images) if (other, caption) not in known]
        text_to_image.append(1 + sum(bool(similarities[other, caption] >= score) for other in rivals))
    return image_to_text, text_to_image


class TestRankPairs:
    def test_a_two_by_two_case_by_hand(self) -> None:
        similarities = np.array([[0.9, 0.1], [0.8, 0.2]])
        ranks = rank_pairs(similarities, np.array([0, 1]))
        assert ranks.image_to_text.tolist() == [1, 2]
        assert ranks.text_to_image.tolist() == [1, 1]

    @pytest.mark.parametrize("block", [1, 7, 40, 10_000])
    @pytest.mark.parametrize("seed", range(5))
    def test_equals_the_slow_oracle_with_siblings_duplicates_and_ties(self, seed: int, block: int) -> None:
        rng = np.random.default_rng(seed)
        n_images, n_captions = 9, 13
        # Few distinct values make many exact ties; some images and captions stay without a pair.
        similarities = rng.integers(0, 6, size=(n_images, n_captions)) / 4
        images, captions = rng.integers(0, n_images, size=25), rng.integers(0, n_captions, size=25)
        ranks = rank_pairs(similarities, images, captions, block=block)
        expected = slow_ranks(similarities, images, captions)
        assert (ranks.image_to_text.tolist(), ranks.text_to_image.tolist()) == expected

    @pytest.mark.parametrize("block", [1, 50, 10_000])
    def test_embeddings_rank_like_their_product(self, block: int) -> None:
        rng = np.random.default_rng(3)
        # Small integers make the products exact, so that a block's shape cannot change a tie.
        images, captions = rng.integers(-3, 4, size=(11, 5)) * 1.0, rng.integers(-3, 4, size=(17, 5)) * 1.0
        image_index, caption_index = rng.integers(0, 11, size=30), rng.integers(0, 17, size=30)
        blocked = rank_pairs_of_embeddings(images, captions, image_index, caption_index, block=block)
        whole = rank_pairs(images @ captions.T, image_index, caption_index)
        assert np.array_equal(blocked.image_to_text, whole.image_to_text)
        assert np.array_equal(blocked.text_to_image, whole.text_to_image)

    @pytest.mark.parametrize("n_captions_each", [1, 5])
    def test_many_embeddings_in_blocks_rank_as_in_the_sorted_whole_matrix(self, n_captions_each: int) -> None:
        rng = np.random.default_rng(0)
        # Whole numbers: every float32 product is exact in any order of summation, and many are equal.
        images = rng.integers(-20, 21, size=(400, 64)).astype(np.float32)
        image_index = np.repeat(np.arange(400), n_captions_each)
        captions = images[image_index] + rng.integers(-40, 41, size=(len(image_index), 64)).astype(np.float32)
        ranks = rank_pairs_of_embeddings(images, captions, image_index, block=3_000)
        whole = images @ captions.T
        is_right = image_index == np.arange(400)[:, None]
        for measured, scores, is_own, query in (
            (ranks.image_to_text, whole, is_right, image_index),
            (ranks.text_to_image, whole.T, is_right.T, np.arange(len(captions))),
        ):
            wrong = np.sort(np.where(is_own, -np.inf, scores), axis=1)
            right = whole[image_index, np.arange(len(captions))]
            expected = [1 + wrong.shape[1] - np.searchsorted(wrong[q], s) for q, s in zip(query, right, strict=True)]
            assert measured.tolist() == expected

    def test_the_input_is_left_as_it_was(self) -> None:
        similarities = np.eye(3)
        rank_pairs(similarities, np.arange(3))
        assert np.array_equal(similarities, np.eye(3))

    def test_equal_scores_everywhere_rank_last(self) -> None:
        ranks = rank_pairs(np.zeros((4, 4)), np.arange(4))
        assert ranks.image_to_text.tolist() == [4, 4, 4, 4]

    def test_a_single_pair_ranks_first(self) -> None:
        assert rank_pairs(np.array([[-1.0]]), np.array([0])).image_to_text.tolist() == [1]

    def test_one_caption_of_all_images_has_no_rival(self) -> None:
        ranks = rank_pairs(np.zeros((5, 2)), np.arange(5), np.zeros(5, dtype=np.int64))
        assert ranks.text_to_image.tolist() == [1] * 5
        assert ranks.image_to_text.tolist() == [2] * 5

    def test_no_pair_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no pair to rank"):
            rank_pairs(np.zeros((2, 0)), np.zeros(0, dtype=np.int64))

    def test_a_value_that_is_not_finite_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not finite"):
            rank_pairs(np.array([[1.0, np.nan], [0.0, 1.0]]), np.array([0, 1]))

    def test_an_index_out_of_bounds_is_named(self) -> None:
        with pytest.raises(ValueError, match="image_index runs from 0 to 2, allowed are 0 to 1"):
            rank_pairs(np.eye(2), np.array([0, 2]))

    def test_pairs_that_do_not_cover_the_captions_need_a_caption_index(self) -> None:
        with pytest.raises(ValueError, match="image_index has shape"):
            rank_pairs(np.eye(3), np.array([0, 1]))

    def test_embeddings_of_two_widths_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
            rank_pairs_of_embeddings(np.zeros((2, 3)), np.zeros((2, 4)), np.arange(2))

    def test_a_vector_is_not_a_matrix(self) -> None:
        with pytest.raises(ValueError, match="similarities have shape"):
            rank_pairs(np.zeros(3), np.arange(3))
