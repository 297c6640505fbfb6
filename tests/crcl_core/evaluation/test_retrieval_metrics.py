import numpy as np
import pytest

from crcl_core.evaluation import (
    RetrievalMetrics,
    recall_at_k,
    recall_at_k_of_embeddings,
    weighted_recall,
    weighted_recall_of_embeddings,
)
from crcl_core.types import DoubleArray, IntArray


def slow_recall(similarities: DoubleArray, image_index: IntArray) -> dict[str, float]:
    """The usual evaluation, written plainly: sort, look for the first right answer. Needs distinct scores."""
    ranks: dict[str, list[int]] = {"image_to_text": [], "text_to_image": []}
    for image in sorted(set(image_index.tolist())):
        order = sorted(range(similarities.shape[1]), key=lambda caption: -similarities[image, caption])
        ranks["image_to_text"].append(1 + min(order.index(c) for c in np.flatnonzero(image_index == image).tolist()))
    for caption, image in enumerate(image_index.tolist()):
        order = sorted(range(similarities.shape[0]), key=lambda other: -similarities[other, caption])
        ranks["text_to_image"].append(1 + order.index(image))
    measured = {}
    for direction, values in ranks.items():
        for k in (1, 5, 10):
            measured[f"{direction}_r{k}"] = 100 * sum(rank <= k for rank in values) / len(values)
        measured[f"{direction}_median_rank"] = float(np.median(values))
        measured[f"{direction}_mean_rank"] = sum(values) / len(values)
    return measured


def slow_weighted_recall(
    similarities: DoubleArray, image_index: IntArray, caption_index: IntArray, weights: DoubleArray
) -> dict[str, float]:
    """Each pair looks among all answers but the other right ones of its query, and counts by its weight."""
    pairs = list(zip(image_index.tolist(), caption_index.tolist(), strict=True))
    n_images, n_captions = similarities.shape
    ranks: dict[str, list[int]] = {"image_to_text": [], "text_to_image": []}
    for image, caption in pairs:
        own = similarities[image, caption]
        wrong = [similarities[image, other] for other in range(n_captions) if (image, other) not in pairs]
        ranks["image_to_text"].append(1 + sum(score >= own for score in wrong))
        wrong = [similarities[other, caption] for other in range(n_images) if (other, caption) not in pairs]
        ranks["text_to_image"].append(1 + sum(score >= own for score in wrong))
    measured = {}
    for direction, values in ranks.items():
        for k in (1, 5, 10):
            found = sum(weight for rank, weight in zip(values, weights, strict=True) if rank <= k)
            measured[f"{direction}_r{k}"] = 100 * found / sum(weights)
        measured[f"{direction}_median_rank"] = _slow_weighted_median(values, weights)
        measured[f"{direction}_mean_rank"] = sum(r * w for r, w in zip(values, weights, strict=True)) / sum(weights)
    return measured


def _slow_weighted_median(values: list[int], weights: DoubleArray) -> float:
    """The middle of all values that leave at most half of the weight below them and at most half above."""
    half = sum(weights) / 2
    middles = [
        value
        for value in values
        if sum(w for v, w in zip(values, weights, strict=True) if v < value) <= half
        and sum(w for v, w in zip(values, weights, strict=True) if v > value) <= half
    ]
    return (min(middles) + max(middles)) / 2


def as_dict(metrics: RetrievalMetrics) -> dict[str, float]:
    return dict(vars(metrics))


class TestRecallAtK:
    def test_two_images_with_two_captions_each_by_hand(self) -> None:
        # Image 0 owns captions 0 and 1, image 1 owns 2 and 3. Image 1 finds the foreign caption 1 first.
        similarities = np.array([[0.9, 0.3, 0.4, 0.1], [0.2, 0.8, 0.7, 0.6]])
        metrics = recall_at_k(similarities, np.array([0, 0, 1, 1]))
        assert metrics.image_to_text_r1 == 50
        assert metrics.image_to_text_r5 == 100
        assert metrics.image_to_text_median_rank == 1.5
        assert metrics.text_to_image_r1 == 75
        assert metrics.text_to_image_mean_rank == 1.25
        assert metrics.r_sum == 50 + 100 + 100 + 75 + 100 + 100

    @pytest.mark.parametrize("n_captions", [(1, 1), (5, 5), (1, 4)])
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_the_slow_oracle_whatever_the_captions_per_image(
        self, seed: int, n_captions: tuple[int, int]
    ) -> None:
        rng = np.random.default_rng(seed)
        image_index = np.repeat(np.arange(12), rng.integers(n_captions[0], n_captions[1] + 1, size=12))
        rng.shuffle(image_index)
        similarities = rng.normal(size=(12, len(image_index)))
        assert as_dict(recall_at_k(similarities, image_index)) == pytest.approx(slow_recall(similarities, image_index))

    def test_a_perfect_model_scores_600(self) -> None:
        assert recall_at_k(np.eye(20), np.arange(20)).r_sum == 600

    def test_a_collapsed_model_finds_nothing(self) -> None:
        assert recall_at_k(np.ones((20, 20)), np.arange(20)).r_sum == 0

    def test_embeddings_give_the_same_as_their_product(self) -> None:
        rng = np.random.default_rng(0)
        images, captions = rng.normal(size=(15, 6)), rng.normal(size=(30, 6))
        image_index = np.repeat(np.arange(15), 2)
        whole = recall_at_k(images @ captions.T, image_index)
        assert recall_at_k_of_embeddings(images, captions, image_index) == whole

    def test_an_image_without_a_caption_is_no_query_but_competes(self) -> None:
        metrics = recall_at_k(np.array([[0.5], [0.9]]), np.array([0]))
        assert metrics.image_to_text_r1 == 100
        assert metrics.text_to_image_r1 == 0

    def test_a_duplicate_caption_is_found_at_its_best_image(self) -> None:
        similarities = np.array([[0.1], [0.9], [0.5]])
        metrics = recall_at_k(similarities, np.array([0, 1]), np.array([0, 0]))
        assert metrics.text_to_image_r1 == 100


class TestWeightedRecall:
    @pytest.mark.parametrize("seed", range(6))
    def test_equals_the_slow_oracle_with_siblings_shared_captions_and_ties(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        pairs = rng.permutation(9 * 14)[:25]  # Distinct pairs of 9 images and 14 captions.
        image_index, caption_index = pairs // 14, pairs % 14
        similarities = rng.integers(0, 12, size=(9, 14)).astype(np.float64)
        # Weights whose sums are exact in any order, so that the median cannot depend on rounding.
        weights = rng.integers(0, 5, size=25) / 4
        metrics = weighted_recall(similarities, image_index, caption_index, weights)
        expected = slow_weighted_recall(similarities, image_index, caption_index, weights)
        assert as_dict(metrics) == pytest.approx(expected)

    def test_each_pair_counts_by_its_weight(self) -> None:
        # Pair 0 is found in both directions, pair 1 in neither.
        similarities = np.array([[0.9, 0.8], [0.7, 0.1]])
        metrics = weighted_recall(similarities, np.array([0, 1]), None, np.array([0.75, 0.25]))
        assert metrics.image_to_text_r1 == 75
        assert metrics.text_to_image_r1 == 75
        assert metrics.image_to_text_mean_rank == 0.75 * 1 + 0.25 * 2

    def test_pairs_of_no_weight_change_nothing(self) -> None:
        rng = np.random.default_rng(1)
        similarities = rng.normal(size=(30, 30))
        weights = np.repeat([1.0, 0.0], 15)
        metrics = weighted_recall(similarities, np.arange(30), None, weights)
        # The other pairs' images and captions still compete, so the oracle keeps them as candidates.
        ranks = [1 + int((similarities[i] > similarities[i, i]).sum()) for i in range(15)]
        assert metrics.image_to_text_r5 == pytest.approx(100 * np.mean([rank <= 5 for rank in ranks]))
        assert metrics.image_to_text_median_rank == np.median(ranks)

    def test_the_scale_of_the_weights_does_not_matter(self) -> None:
        rng = np.random.default_rng(2)
        similarities, weights = rng.normal(size=(9, 9)), rng.random(9)
        small = weighted_recall(similarities, np.arange(9), None, weights)
        large = weighted_recall(similarities, np.arange(9), None, 8 * weights)
        assert as_dict(small) == pytest.approx(as_dict(large))

    def test_equal_weights_with_one_caption_an_image_are_plain_recall(self) -> None:
        similarities = np.random.default_rng(4).normal(size=(25, 25))
        weighted = weighted_recall(similarities, np.arange(25), None, np.full(25, 0.5))
        assert as_dict(weighted) == pytest.approx(as_dict(recall_at_k(similarities, np.arange(25))))

    def test_siblings_do_not_push_each_other_down(self) -> None:
        similarities = np.array([[0.9, 0.8, 0.1], [0.0, 0.0, 0.5]])
        metrics = weighted_recall(similarities, np.array([0, 0, 1]), None, np.ones(3))
        assert metrics.image_to_text_r1 == 100

    def test_without_any_weight_the_result_is_the_worst(self) -> None:
        metrics = weighted_recall(np.eye(4), np.arange(4), None, np.zeros(4))
        assert metrics.r_sum == 0
        assert metrics.image_to_text_median_rank == 4
        assert metrics.text_to_image_mean_rank == 4

    def test_embeddings_give_the_same_as_their_product(self) -> None:
        rng = np.random.default_rng(5)
        images, captions, weights = rng.normal(size=(8, 4)), rng.normal(size=(10, 4)), rng.random(10)
        image_index = rng.integers(0, 8, size=10)
        whole = weighted_recall(images @ captions.T, image_index, np.arange(10), weights)
        assert weighted_recall_of_embeddings(images, captions, image_index, np.arange(10), weights) == whole

    @pytest.mark.parametrize("bad", [np.array([1.0, -0.1]), np.array([1.0, np.nan])])
    def test_a_weight_out_of_range_is_refused(self, bad: DoubleArray) -> None:
        with pytest.raises(ValueError, match="weights run from"):
            weighted_recall(np.eye(2), np.arange(2), None, bad)

    def test_one_weight_for_each_pair_is_needed(self) -> None:
        with pytest.raises(ValueError, match=r"weights have shape \(3,\), expected \(2,\)"):
            weighted_recall(np.eye(2), np.arange(2), None, np.ones(3))
