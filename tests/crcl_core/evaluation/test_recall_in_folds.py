import numpy as np
import pytest

from crcl_core.evaluation import recall_at_k, recall_in_folds, recall_in_folds_of_embeddings
from crcl_core.types import DoubleArray, IntArray


def slow_recall_in_folds(similarities: DoubleArray, image_index: IntArray, n_folds: int) -> dict[str, float]:
    """The protocol written plainly, for image counts that the folds divide: slice, sort, look for a right answer."""
    n_images = len(similarities) // n_folds
    sums: dict[str, float] = {}
    for fold in range(n_folds):
        images = list(range(fold * n_images, (fold + 1) * n_images))
        captions = [caption for caption, image in enumerate(image_index.tolist()) if image in images]
        ranks: dict[str, list[int]] = {"image_to_text": [], "text_to_image": []}
        for image in images:
            order = sorted(captions, key=lambda caption: -similarities[image, caption])
            ranks["image_to_text"].append(1 + min(order.index(c) for c in captions if image_index[c] == image))
        for caption in captions:
            order = sorted(images, key=lambda image: -similarities[image, caption])
            ranks["text_to_image"].append(1 + order.index(int(image_index[caption])))
        for direction, values in ranks.items():
            measured = {f"r{k}": 100 * sum(rank <= k for rank in values) / len(values) for k in (1, 5, 10)}
            measured |= {"median_rank": float(np.median(values)), "mean_rank": sum(values) / len(values)}
            for name, value in measured.items():
                sums[f"{direction}_{name}"] = sums.get(f"{direction}_{name}", 0.0) + value / n_folds
    return sums


def _corpus(seed: int = 0, n_images: int = 30) -> tuple[DoubleArray, DoubleArray, IntArray]:
    """Embeddings of images and of one to four captions each, in a mixed order."""
    rng = np.random.default_rng(seed)
    image_index = np.repeat(np.arange(n_images), rng.integers(1, 5, size=n_images))
    rng.shuffle(image_index)
    images = rng.normal(size=(n_images, 8))
    return images, images[image_index] + 2 * rng.normal(size=(len(image_index), 8)), image_index


class TestRecallInFolds:
    def test_there_are_five_folds_unless_said_otherwise(self) -> None:
        images, captions, image_index = _corpus()
        similarities = images @ captions.T
        assert recall_in_folds(similarities, image_index) == recall_in_folds(similarities, image_index, n_folds=5)

    def test_two_folds_of_two_images_by_hand(self) -> None:
        # Within its fold every image finds its caption but image 3, whose fold's other caption comes first; that the
        # captions of the other fold score higher still does not matter.
        similarities = np.array(
            [[0.9, 0.1, 5.0, 5.0], [0.1, 0.9, 5.0, 5.0], [5.0, 5.0, 0.9, 0.1], [5.0, 5.0, 0.8, 0.2]]
        )
        metrics = recall_in_folds(similarities, np.arange(4), n_folds=2)
        assert metrics.image_to_text_r1 == 75
        assert metrics.image_to_text_mean_rank == 1.25
        assert metrics.text_to_image_r1 == 100

    @pytest.mark.parametrize("n_folds", [1, 3, 5])
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_the_slow_oracle(self, seed: int, n_folds: int) -> None:
        images, captions, image_index = _corpus(seed)
        similarities = images @ captions.T
        metrics = recall_in_folds(similarities, image_index, n_folds=n_folds)
        assert dict(vars(metrics)) == pytest.approx(slow_recall_in_folds(similarities, image_index, n_folds))

    def test_one_fold_is_plain_recall(self) -> None:
        images, captions, image_index = _corpus()
        similarities = images @ captions.T
        assert recall_in_folds(similarities, image_index, n_folds=1) == recall_at_k(similarities, image_index)

    def test_pairs_of_shared_captions_compete_in_each_fold_of_theirs(self) -> None:
        # Caption 0 belongs to an image of either fold.
        metrics = recall_in_folds(np.eye(2), np.array([0, 1, 1]), np.array([0, 0, 1]), n_folds=2)
        assert metrics.image_to_text_r1 == 100
        assert metrics.text_to_image_r1 == 100

    def test_folds_need_not_be_equal(self) -> None:
        metrics = recall_in_folds(np.eye(5), np.arange(5), n_folds=2)
        assert metrics.r_sum == 600

    def test_no_pair_may_be_missing_from_a_fold(self) -> None:
        with pytest.raises(ValueError, match="fold 1, images 2 to 3, has no pair"):
            recall_in_folds(np.eye(4)[:, :2], np.arange(2), n_folds=2)

    @pytest.mark.parametrize("n_folds", [0, 5])
    def test_more_folds_than_images_are_refused(self, n_folds: int) -> None:
        with pytest.raises(ValueError, match=f"n_folds is {n_folds}, expected 1 to 4"):
            recall_in_folds(np.eye(4), np.arange(4), n_folds=n_folds)

    def test_indices_of_two_lengths_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"image_index has shape \(4,\) and caption_index \(3,\)"):
            recall_in_folds(np.eye(4), np.arange(4), np.arange(3))


class TestRecallInFoldsOfEmbeddings:
    def test_equals_that_of_the_product(self) -> None:
        images, captions, image_index = _corpus()
        expected = recall_in_folds(images @ captions.T, image_index)
        assert recall_in_folds_of_embeddings(images, captions, image_index) == expected
