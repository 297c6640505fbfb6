import numpy as np
import pytest

from crcl_core.data.noise import image_level_noise

FIVE_EACH = np.repeat(np.arange(200), 5)


class TestImageLevelNoise:
    def test_moves_all_captions_of_an_image_together(self) -> None:
        given = image_level_noise(FIVE_EACH, 0.4, 1234).image_index.reshape(200, 5)
        np.testing.assert_array_equal(given, given[:, :1].repeat(5, axis=1))

    def test_permutes_the_images(self) -> None:
        given = image_level_noise(FIVE_EACH, 0.4, 1234).image_index
        np.testing.assert_array_equal(np.sort(given), FIVE_EACH)

    def test_touches_at_most_the_chosen_share_of_images(self) -> None:
        assert 76 * 5 <= image_level_noise(FIVE_EACH, 0.4, 1234).is_mismatch.sum() <= 80 * 5

    def test_marks_exactly_the_pairs_whose_image_changed(self) -> None:
        noisy = image_level_noise(FIVE_EACH, 0.4, 1234)
        np.testing.assert_array_equal(noisy.is_mismatch, noisy.image_index != FIVE_EACH)

    def test_captions_of_an_image_may_be_anywhere(self) -> None:
        scattered = np.array([7, 3, 5, 3, 7, 5, 3])
        given = image_level_noise(scattered, 1.0, 1).image_index
        assert len(set(zip(scattered.tolist(), given.tolist(), strict=True))) == 3

    def test_gives_only_images_of_the_pairs(self) -> None:
        assert set(image_level_noise(np.array([7, 3, 5]), 1.0, 0).image_index.tolist()) == {3, 5, 7}

    def test_the_seed_decides(self) -> None:
        first, same, other = (image_level_noise(FIVE_EACH, 0.4, seed).image_index for seed in (7, 7, 8))
        np.testing.assert_array_equal(first, same)
        assert (first != other).any()

    @pytest.mark.parametrize(
        ("image_index", "ratio"),
        [(FIVE_EACH, 0.0), (np.zeros(5, dtype=np.int64), 1.0), (np.zeros(0, dtype=np.int64), 1.0)],
        ids=["no noise", "one image", "no pairs"],
    )
    def test_limits_change_nothing(self, image_index: np.ndarray[tuple[int], np.dtype[np.int64]], ratio: float) -> None:
        noisy = image_level_noise(image_index, ratio, 3)
        np.testing.assert_array_equal(noisy.image_index, image_index)
        assert not noisy.is_mismatch.any()

    @pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
    def test_refuses_a_ratio_outside_its_range(self, ratio: float) -> None:
        with pytest.raises(ValueError, match=f"ratio is {ratio}"):
            image_level_noise(FIVE_EACH, ratio, 1234)
