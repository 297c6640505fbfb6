import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection import FoldUnit, PlantedDecoys, plant_decoys
from crcl_core.detection.folds import split_into_folds
from crcl_core.types import IntArray


def _planted(n_images: int, n_captions_each: int, n_decoys: int) -> PlantedDecoys:
    image_index = np.repeat(np.arange(n_images), n_captions_each)
    features = PairFeatures(
        np.ones((n_images, 2), dtype=np.float32),
        np.ones((len(image_index), 2), dtype=np.float32),
        image_index,
        np.arange(len(image_index)),
    )
    return plant_decoys(features, n_decoys, 0)


def _groups_in_one_fold(folds: IntArray, group: IntArray) -> bool:
    return all(len(set(folds[group == number])) == 1 for number in np.unique(group))


class TestSplitIntoFolds:
    def test_every_pair_and_decoy_has_a_fold_of_near_equal_size(self) -> None:
        planted = _planted(100, 1, 15)
        folds = split_into_folds(planted, 3, FoldUnit.PAIR, seed=0)
        assert len(folds) == planted.features.n_pairs
        assert np.ptp(np.bincount(folds, minlength=3)) <= 3

    def test_by_image_all_captions_of_an_image_go_together(self) -> None:
        planted = _planted(60, 5, 0)
        folds = split_into_folds(planted, 3, FoldUnit.IMAGE, seed=0)
        assert _groups_in_one_fold(folds, planted.features.image_index)

    def test_by_pair_they_do_not(self) -> None:
        planted = _planted(60, 5, 0)
        folds = split_into_folds(planted, 3, FoldUnit.PAIR, seed=0)
        assert not _groups_in_one_fold(folds, planted.features.image_index)

    def test_a_decoy_goes_with_the_pairs_that_it_comes_from(self) -> None:
        planted = _planted(200, 1, 30)
        folds = split_into_folds(planted, 3, FoldUnit.PAIR, seed=0)
        of_decoys = folds[planted.n_pairs :]
        assert (of_decoys == folds[planted.image_pair]).all()
        assert (of_decoys == folds[planted.caption_pair]).all()

    def test_where_decoys_tie_everything_together_they_go_with_their_image(self) -> None:
        planted = _planted(40, 1, 40)
        folds = split_into_folds(planted, 3, FoldUnit.IMAGE, seed=0)
        of_decoys = folds[planted.n_pairs :]
        assert (of_decoys == folds[planted.image_pair]).all()
        assert not (of_decoys == folds[planted.caption_pair]).all()
        assert np.bincount(folds, minlength=3).min() > 0

    def test_the_seed_decides(self) -> None:
        planted = _planted(60, 1, 0)
        first, again, other = (split_into_folds(planted, 3, FoldUnit.PAIR, seed=seed) for seed in (1, 1, 2))
        assert (first == again).all()
        assert not (first == other).all()
