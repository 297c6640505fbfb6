import numpy as np
import pytest

from crcl_core.data.noise import shifted_block_noise

TWO_EACH = np.repeat(np.arange(10), 2)


class TestShiftingImages:
    def test_gives_every_caption_in_the_block_the_next_image(self) -> None:
        noisy = shifted_block_noise(TWO_EACH, 0.4, 0)
        moved = np.flatnonzero(noisy.is_mismatch)
        assert len(moved) == 8
        np.testing.assert_array_equal(moved, np.arange(moved[0], moved[0] + 8))
        first = TWO_EACH[moved[0]]
        assert noisy.image_index[moved].tolist() == [first + step for step in (1, 1, 2, 2, 3, 3, 0, 0)]

    def test_the_order_of_the_corpus_decides_what_is_next(self) -> None:
        noisy = shifted_block_noise(np.array([9, 4, 7, 4]), 1.0, 0)
        assert noisy.image_index.tolist() == [4, 7, 9, 7]

    def test_the_seed_decides_where(self) -> None:
        starts = {int(np.flatnonzero(shifted_block_noise(TWO_EACH, 0.3, s).is_mismatch)[0]) for s in range(20)}
        assert len(starts) > 3
        assert all(start % 2 == 0 for start in starts)

    def test_the_whole_corpus_can_shift(self) -> None:
        noisy = shifted_block_noise(np.arange(5), 1.0, 0)
        assert noisy.image_index.tolist() == [1, 2, 3, 4, 0]
        assert noisy.is_mismatch.all()


class TestShiftingPairs:
    def test_only_the_last_caption_of_an_image_mismatches(self) -> None:
        noisy = shifted_block_noise(TWO_EACH, 1.0, 0, shifts="pairs")
        assert noisy.image_index.tolist() == [*TWO_EACH[1:].tolist(), 0]
        np.testing.assert_array_equal(noisy.is_mismatch, np.arange(20) % 2 == 1)

    def test_equals_shifting_images_with_one_caption_each(self) -> None:
        by_pairs = shifted_block_noise(np.arange(30), 0.4, 5, shifts="pairs")
        np.testing.assert_array_equal(by_pairs.image_index, shifted_block_noise(np.arange(30), 0.4, 5).image_index)


class TestLimits:
    @pytest.mark.parametrize("n_images", [0, 1, 10])
    def test_a_ratio_of_zero_changes_nothing(self, n_images: int) -> None:
        assert not shifted_block_noise(np.arange(n_images), 0.0, 0).is_mismatch.any()

    @pytest.mark.parametrize("n_images", [0, 1])
    def test_nothing_shifts_by_one_image(self, n_images: int) -> None:
        assert not shifted_block_noise(np.arange(n_images), 1.0, 0).is_mismatch.any()

    @pytest.mark.parametrize("ratio", [-0.1, 1.1])
    def test_refuses_a_ratio_outside_its_range(self, ratio: float) -> None:
        with pytest.raises(ValueError, match=f"ratio is {ratio}"):
            shifted_block_noise(TWO_EACH, ratio, 0)
