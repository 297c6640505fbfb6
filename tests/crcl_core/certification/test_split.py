import numpy as np
import pytest

from crcl_core.certification import Arm, CertificationConfig, split_pairs
from crcl_core.types import NotCertifiableError

_CONFIG = CertificationConfig()


def _corpus(n_images: int = 200, captions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    image_index = np.repeat(np.arange(n_images, dtype=np.int64), captions)
    is_flagged = np.random.default_rng(0).random(len(image_index)) < 0.3
    return image_index, is_flagged


class TestSplitPairs:
    def test_no_arm_sees_a_held_out_image(self) -> None:
        image_index, is_flagged = _corpus()
        split = split_pairs(image_index, is_flagged, _CONFIG, 0)
        held_out_images = set(image_index[split.held_out])
        assert len(held_out_images) == 40
        assert len(split.held_out) == 3 * 40
        for pairs in split.training.values():
            assert held_out_images.isdisjoint(image_index[pairs])

    def test_raw_is_all_the_rest_and_cleaned_the_unflagged_of_it(self) -> None:
        image_index, is_flagged = _corpus()
        split = split_pairs(image_index, is_flagged, _CONFIG, 0)
        raw = split.training[Arm.RAW]
        assert np.array_equal(np.sort(np.concatenate([raw, split.held_out])), np.arange(len(image_index)))
        assert np.array_equal(split.training[Arm.CLEANED], raw[~is_flagged[raw]])

    def test_random_is_as_large_as_cleaned_and_drops_flagged_pairs_no_more_often_than_others(self) -> None:
        image_index, is_flagged = _corpus(n_images=2_000)
        split = split_pairs(image_index, is_flagged, _CONFIG, 0)
        random, raw = split.training[Arm.RANDOM], split.training[Arm.RAW]
        assert len(random) == len(split.training[Arm.CLEANED]) == len(raw) - split.n_dropped
        assert np.isin(random, raw).all()
        assert len(np.unique(random)) == len(random)
        assert abs(is_flagged[random].mean() - is_flagged[raw].mean()) < 0.03

    def test_the_held_out_part_does_not_depend_on_what_was_flagged(self) -> None:
        image_index, is_flagged = _corpus()
        one = split_pairs(image_index, is_flagged, _CONFIG, 0)
        other = split_pairs(image_index, ~is_flagged, _CONFIG, 0)
        assert np.array_equal(one.held_out, other.held_out)

    def test_each_seed_draws_its_own(self) -> None:
        image_index, is_flagged = _corpus()
        one, other = (split_pairs(image_index, is_flagged, _CONFIG, seed) for seed in (0, 1))
        assert not np.array_equal(one.held_out, other.held_out)
        again = split_pairs(image_index, is_flagged, _CONFIG, 0)
        assert np.array_equal(one.training[Arm.RANDOM], again.training[Arm.RANDOM])

    def test_at_most_so_many_images_are_held_out(self) -> None:
        image_index, is_flagged = _corpus()
        config = CertificationConfig(max_held_out_images=25)
        assert len(np.unique(image_index[split_pairs(image_index, is_flagged, config, 0).held_out])) == 25

    def test_nothing_flagged_is_refused(self) -> None:
        image_index, is_flagged = _corpus()
        with pytest.raises(NotCertifiableError, match="none of the 480 pairs") as caught:
            split_pairs(image_index, np.zeros_like(is_flagged), _CONFIG, 0)
        assert caught.value.code == "nothing_flagged"

    def test_flags_on_held_out_pairs_alone_are_nothing_to_drop(self) -> None:
        image_index, is_flagged = _corpus()
        held_out = split_pairs(image_index, is_flagged, _CONFIG, 0).held_out
        only_held_out = np.isin(np.arange(len(image_index)), held_out)
        with pytest.raises(NotCertifiableError) as caught:
            split_pairs(image_index, only_held_out, _CONFIG, 0)
        assert caught.value.code == "nothing_flagged"

    def test_too_few_pairs_left_are_refused(self) -> None:
        image_index, is_flagged = _corpus()
        with pytest.raises(NotCertifiableError, match="0 of 480 pairs are left") as caught:
            split_pairs(image_index, np.ones_like(is_flagged), _CONFIG, 0)
        assert caught.value.code == "too_few_pairs"

    def test_too_few_images_are_refused_however_many_captions_they_have(self) -> None:
        image_index, is_flagged = _corpus(n_images=20, captions=40)
        with pytest.raises(NotCertifiableError, match="4 of 20 images") as caught:
            split_pairs(image_index, is_flagged, _CONFIG, 0)
        assert caught.value.code == "too_few_images"
