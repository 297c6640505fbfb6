import dataclasses

import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.detection import decoy_count, plant_decoys
from crcl_core.detection.decoys import add_near_decoys, plant_decoy_images
from crcl_core.types import IntArray


def _features(image_index: IntArray, caption_index: IntArray) -> PairFeatures:
    random = np.random.default_rng(0)
    images = random.normal(size=(int(image_index.max()) + 1, 4)).astype(np.float32)
    captions = random.normal(size=(int(caption_index.max()) + 1, 3)).astype(np.float32)
    return PairFeatures(images, captions, image_index, caption_index)


def _one_caption_each(n_pairs: int) -> PairFeatures:
    return _features(np.arange(n_pairs), np.arange(n_pairs))


class TestDecoyCount:
    @pytest.mark.parametrize(("n_pairs", "expected"), [(0, 0), (300, 45), (2_000, 300), (1_000_000, 2_000)])
    def test_is_a_share_of_the_pairs_up_to_a_most(self, n_pairs: int, expected: int) -> None:
        assert decoy_count(n_pairs) == expected


class TestPlantDecoys:
    def test_the_real_pairs_stay_in_front_as_they_were(self) -> None:
        features = _one_caption_each(50)
        planted = plant_decoys(features, 20, seed=1)
        assert planted.n_pairs == 50
        assert planted.features.image_index[:50].tolist() == features.image_index.tolist()
        assert planted.features.caption_index[:50].tolist() == features.caption_index.tolist()

    def test_a_decoy_has_its_image_and_its_caption_from_two_pairs(self) -> None:
        features = _one_caption_each(50)
        planted = plant_decoys(features, 20, seed=1)
        assert planted.features.image_index[50:].tolist() == features.image_index[planted.image_pair].tolist()
        assert planted.features.caption_index[50:].tolist() == features.caption_index[planted.caption_pair].tolist()

    def test_no_decoy_is_a_pair_of_the_corpus(self) -> None:
        # Five captions an image: a draw meets a caption of its own image now and then.
        features = _features(np.repeat(np.arange(8), 5), np.arange(40))
        known = set(zip(features.image_index.tolist(), features.caption_index.tolist(), strict=True))
        for seed in range(20):
            planted = plant_decoys(features, 40, seed=seed)
            added = zip(
                planted.features.image_index[40:].tolist(), planted.features.caption_index[40:].tolist(), strict=True
            )
            assert not known & set(added)

    def test_no_pair_gives_its_image_or_its_caption_twice(self) -> None:
        planted = plant_decoys(_one_caption_each(50), 50, seed=3)
        assert len(set(planted.image_pair.tolist())) == planted.n_decoys
        assert len(set(planted.caption_pair.tolist())) == planted.n_decoys

    def test_the_same_seed_gives_the_same_decoys_and_another_seed_others(self) -> None:
        features = _one_caption_each(50)
        first, again, other = (plant_decoys(features, 20, seed=seed) for seed in (1, 1, 2))
        assert first.image_pair.tolist() == again.image_pair.tolist()
        assert first.image_pair.tolist() != other.image_pair.tolist()

    def test_a_corpus_whose_captions_are_all_one_has_none(self) -> None:
        features = _features(np.arange(30), np.zeros(30, dtype=np.int64))
        assert plant_decoys(features, 10, seed=0).n_decoys == 0

    def test_none_are_planted_where_none_are_asked_for(self) -> None:
        planted = plant_decoys(_one_caption_each(5), 0, seed=0)
        assert planted.n_decoys == 0
        assert planted.features.n_pairs == 5

    @pytest.mark.parametrize("n_decoys", [-1, 6])
    def test_a_number_that_cannot_be_drawn_is_refused(self, n_decoys: int) -> None:
        with pytest.raises(ValueError, match=f"n_decoys is {n_decoys}, expected 0 to the number of pairs, 5"):
            plant_decoys(_one_caption_each(5), n_decoys, seed=0)


class TestAddNearDecoys:
    def _features(self, n_captions_each: int = 2) -> PairFeatures:
        """Images in ten groups of ten that look alike."""
        random = np.random.default_rng(0)
        images = np.repeat(random.normal(size=(10, 16)), 11, axis=0) + 0.2 * random.normal(size=(110, 16))
        image_index = np.repeat(np.arange(110), n_captions_each)
        captions = random.normal(size=(len(image_index), 3)).astype(np.float32)
        return PairFeatures(images.astype(np.float32), captions, image_index, np.arange(len(image_index)))

    def test_the_caption_is_of_another_image_that_looks_alike(self) -> None:
        planted = add_near_decoys(plant_decoys(self._features(), 0, 0), 50, 0)
        images = planted.features.image_index[planted.n_pairs :]
        givers = planted.features.image_index[planted.caption_pair]
        assert (images // 11 == givers // 11).mean() > 0.9
        assert (images != givers).all()
        assert planted.n_near == planted.n_decoys == pytest.approx(50, abs=5)

    def test_they_stand_behind_the_uniform_decoys(self) -> None:
        uniform = plant_decoys(self._features(), 30, 0)
        planted = add_near_decoys(uniform, 20, 0)
        assert planted.n_uniform == uniform.n_decoys
        np.testing.assert_array_equal(planted.image_pair[: uniform.n_decoys], uniform.image_pair)
        assert planted.features.n_pairs == planted.n_pairs + planted.n_decoys

    def test_near_copies_are_no_near_decoys(self) -> None:
        features = self._features()
        copied = dataclasses.replace(features, image_features=np.ones((110, 16), dtype=np.float32))
        assert add_near_decoys(plant_decoys(copied, 0, 0), 50, 0).n_near == 0

    def test_a_handful_of_images_has_none(self) -> None:
        planted = plant_decoys(_one_caption_each(5), 0, 0)
        assert add_near_decoys(planted, 5, 0) is planted


class TestPlantDecoyImages:
    def _features(self) -> PairFeatures:
        return _features(np.repeat(np.arange(40), 5), np.arange(200))

    def test_a_decoy_image_has_all_captions_of_one_other_image(self) -> None:
        planted = plant_decoy_images(self._features(), 30, 0)
        images = planted.features.image_index[planted.n_pairs :]
        givers = planted.features.image_index[planted.caption_pair]
        for image in np.unique(images):
            assert len(set(givers[images == image])) == 1
            assert sorted(planted.caption_pair[images == image] % 5) == [0, 1, 2, 3, 4]
        assert (images != givers).all()

    def test_as_few_images_as_reach_the_number(self) -> None:
        assert plant_decoy_images(self._features(), 28, 3).n_decoys in {25, 30}
        assert plant_decoy_images(self._features(), 0, 3).n_decoys == 0

    def test_no_image_takes_or_gives_twice(self) -> None:
        planted = plant_decoy_images(self._features(), 150, 0)
        assert np.bincount(planted.features.image_index[planted.n_pairs :]).max() == 5
        assert len(set(planted.caption_pair)) == planted.n_decoys

    def test_pairs_of_one_image_are_a_group_and_its_decoys_another(self) -> None:
        planted = plant_decoy_images(self._features(), 30, 0)
        group = planted.group()
        assert len(set(group[:5])) == 1
        assert set(np.bincount(group[planted.n_pairs :])) == {0, 5}
        assert not set(group[: planted.n_pairs]) & set(group[planted.n_pairs :])

    def test_single_decoys_are_groups_of_one(self) -> None:
        planted = plant_decoys(self._features(), 30, 0)
        assert len(set(planted.group()[planted.n_pairs :])) == planted.n_decoys
