import numpy as np
import pytest

from crcl_core.data import caption_level_noise

FIVE_EACH = np.repeat(np.arange(200), 5)


class TestCaptionLevelNoise:
    def test_marks_exactly_the_pairs_whose_image_changed(self) -> None:
        noisy = caption_level_noise(FIVE_EACH, 0.4, 1234)
        np.testing.assert_array_equal(noisy.is_mismatch, noisy.image_index != FIVE_EACH)

    def test_touches_at_most_the_chosen_share(self) -> None:
        # A few of the 400 chosen draw their own image back.
        assert 390 <= caption_level_noise(FIVE_EACH, 0.4, 1234).is_mismatch.sum() <= 400

    def test_shuffles_only_among_the_chosen(self) -> None:
        noisy = caption_level_noise(FIVE_EACH, 0.4, 1234)
        np.testing.assert_array_equal(np.sort(noisy.image_index), FIVE_EACH)

    def test_leaves_its_input_alone(self) -> None:
        before = FIVE_EACH.copy()
        caption_level_noise(FIVE_EACH, 0.9, 0)
        np.testing.assert_array_equal(FIVE_EACH, before)

    def test_the_seed_decides(self) -> None:
        first, same, other = (caption_level_noise(FIVE_EACH, 0.4, seed).image_index for seed in (7, 7, 8))
        np.testing.assert_array_equal(first, same)
        assert (first != other).any()

    def test_a_ratio_of_zero_changes_nothing(self) -> None:
        assert not caption_level_noise(FIVE_EACH, 0.0, 1234).is_mismatch.any()

    def test_keeps_the_numbers_that_tables_were_made_with(self) -> None:
        noisy = caption_level_noise(np.repeat(np.arange(4), 2), 0.5, 1234)
        assert noisy.image_index.tolist() == [2, 0, 1, 1, 2, 3, 0, 3]

    def test_a_ratio_of_one_shuffles_every_pair(self) -> None:
        assert caption_level_noise(np.arange(1000), 1.0, 1234).is_mismatch.mean() > 0.99

    def test_one_image_cannot_mismatch(self) -> None:
        assert not caption_level_noise(np.zeros(20, dtype=np.int64), 1.0, 1234).is_mismatch.any()

    def test_no_pairs_stay_no_pairs(self) -> None:
        assert len(caption_level_noise(np.zeros(0, dtype=np.int64), 0.4, 1234).image_index) == 0

    @pytest.mark.parametrize("ratio", [-0.1, 1.1])
    def test_refuses_a_ratio_outside_its_range(self, ratio: float) -> None:
        with pytest.raises(ValueError, match=f"ratio is {ratio}"):
            caption_level_noise(FIVE_EACH, ratio, 1234)
