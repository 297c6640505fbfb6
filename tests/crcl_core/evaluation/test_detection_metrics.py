from itertools import combinations

import numpy as np
import pytest

from crcl_core.evaluation import auroc, average_precision, f1_at_true_rate
from crcl_core.types import BoolArray, DoubleArray


def slow_auroc(score: DoubleArray, is_clean: BoolArray) -> float:
    """The definition: how often a clean pair beats a mismatched one, a tie counting half."""
    wins = [
        1.0 if clean > mismatched else 0.5 if clean == mismatched else 0.0
        for clean in score[is_clean]
        for mismatched in score[~is_clean]
    ]
    return sum(wins) / len(wins)


def slow_average_precision(score: DoubleArray, is_mismatch: BoolArray) -> float:
    """The definition: at each threshold, flag everything at or below it and weigh precision by the recall gained."""
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(score.tolist())):
        is_flagged = score <= threshold
        recall = float((is_mismatch & is_flagged).sum() / is_mismatch.sum())
        area += (recall - recall_before) * float(is_mismatch[is_flagged].mean())
        recall_before = recall
    return area


def slow_f1_at_true_rate(score: DoubleArray, is_mismatch: BoolArray) -> float:
    """The definition: the mean F1 over all sets of so many flags that leave no pair with a lower score unflagged."""
    n_flags = int(is_mismatch.sum())
    values = []
    for flagged in combinations(range(len(score)), n_flags):
        unflagged = [pair for pair in range(len(score)) if pair not in flagged]
        if max(score[list(flagged)]) <= min(score[unflagged], default=np.inf):
            n_found = sum(bool(is_mismatch[pair]) for pair in flagged)
            precision, recall = n_found / len(flagged), n_found / n_flags
            values.append(2 * precision * recall / (precision + recall) if n_found else 0.0)
    return sum(values) / len(values)


class TestAuroc:
    def test_four_pairs_by_hand(self) -> None:
        # Of the four (clean, mismatched) comparisons three are right.
        score = np.array([0.9, 0.4, 0.6, 0.1])
        assert auroc(score, np.array([True, True, False, False])) == 0.75

    @pytest.mark.parametrize("n_values", [2, 5, 1000])
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_the_slow_oracle_with_ties(self, seed: int, n_values: int) -> None:
        rng = np.random.default_rng(seed)
        score, is_clean = rng.integers(0, n_values, size=60) / n_values, rng.random(60) < 0.7
        assert auroc(score, is_clean) == pytest.approx(slow_auroc(score, is_clean), abs=1e-12)

    def test_all_scores_equal_is_chance(self) -> None:
        assert auroc(np.zeros(7), np.arange(7) < 3) == 0.5

    def test_a_perfect_and_an_inverted_score(self) -> None:
        is_clean = np.arange(10) >= 4
        assert auroc(np.arange(10.0), is_clean) == 1.0
        assert auroc(-np.arange(10.0), is_clean) == 0.0

    def test_minus_infinity_is_a_score(self) -> None:
        assert auroc(np.array([-np.inf, -np.inf, 0.0]), np.array([False, True, True])) == 0.75

    def test_float32_scores_lose_nothing_on_many_pairs(self) -> None:
        is_clean = np.arange(200_000) % 2 == 0
        assert auroc(is_clean.astype(np.float32), is_clean) == 1.0

    @pytest.mark.parametrize("all_clean", [True, False])
    def test_a_missing_class_is_refused(self, all_clean: bool) -> None:
        with pytest.raises(ValueError, match="needs both classes"):
            auroc(np.ones(3), np.full(3, all_clean))

    def test_nan_is_refused(self) -> None:
        with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
            auroc(np.array([np.nan, 1.0]), np.array([True, False]))

    def test_two_lengths_are_refused(self) -> None:
        with pytest.raises(ValueError, match="expected"):
            auroc(np.ones(3), np.array([True, False]))

    def test_a_truth_of_numbers_is_refused(self) -> None:
        with pytest.raises(ValueError, match="dtype int64, expected bool"):
            auroc(np.ones(2), np.array([0, 1]))


class TestAveragePrecision:
    def test_four_pairs_by_hand(self) -> None:
        # Worst first: mismatch, clean, mismatch, clean: precision 1/1 and 2/3 at recall 1/2 and 1.
        score = np.array([0.1, 0.2, 0.3, 0.4])
        is_mismatch = np.array([True, False, True, False])
        assert average_precision(score, is_mismatch) == pytest.approx((1 + 2 / 3) / 2)

    @pytest.mark.parametrize("n_values", [2, 5, 1000])
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_the_slow_oracle_with_ties(self, seed: int, n_values: int) -> None:
        rng = np.random.default_rng(seed)
        score, is_mismatch = rng.integers(0, n_values, size=60) / n_values, rng.random(60) < 0.3
        expected = slow_average_precision(score, is_mismatch)
        assert average_precision(score, is_mismatch) == pytest.approx(expected, abs=1e-12)

    def test_all_scores_equal_is_the_share_of_mismatches(self) -> None:
        assert average_precision(np.zeros(8), np.arange(8) < 2) == 0.25

    def test_all_pairs_mismatched_is_one(self) -> None:
        assert average_precision(np.arange(5.0), np.ones(5, dtype=np.bool_)) == 1.0

    def test_one_mismatched_pair_alone_is_one(self) -> None:
        assert average_precision(np.array([0.3]), np.array([True])) == 1.0

    def test_nothing_to_find_is_refused(self) -> None:
        with pytest.raises(ValueError, match="none among 3 pairs"):
            average_precision(np.ones(3), np.zeros(3, dtype=np.bool_))


class TestF1AtTrueRate:
    def test_four_pairs_by_hand(self) -> None:
        # Two mismatches, two flags, one of them right.
        score = np.array([0.1, 0.2, 0.3, 0.4])
        assert f1_at_true_rate(score, np.array([True, False, True, False])) == 0.5

    @pytest.mark.parametrize("n_values", [2, 4, 1000])
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_the_slow_oracle_with_ties(self, seed: int, n_values: int) -> None:
        rng = np.random.default_rng(seed)
        score, is_mismatch = rng.integers(0, n_values, size=10) / n_values, rng.random(10) < 0.4
        is_mismatch[0] = True
        expected = slow_f1_at_true_rate(score, is_mismatch)
        assert f1_at_true_rate(score, is_mismatch) == pytest.approx(expected, abs=1e-12)

    def test_the_order_of_tied_pairs_does_not_matter(self) -> None:
        score, is_mismatch = np.zeros(6), np.arange(6) < 2
        assert f1_at_true_rate(score, is_mismatch) == pytest.approx(f1_at_true_rate(score, is_mismatch[::-1]))

    def test_all_scores_equal_is_the_share_of_mismatches(self) -> None:
        assert f1_at_true_rate(np.zeros(8), np.arange(8) < 2) == pytest.approx(0.25)

    def test_a_perfect_and_an_inverted_score(self) -> None:
        is_mismatch = np.arange(10) < 4
        assert f1_at_true_rate(np.arange(10.0), is_mismatch) == 1.0
        assert f1_at_true_rate(-np.arange(10.0), is_mismatch) == 0.0

    def test_all_pairs_mismatched_is_one(self) -> None:
        assert f1_at_true_rate(np.arange(5.0), np.ones(5, dtype=np.bool_)) == 1.0

    def test_minus_infinity_is_a_score(self) -> None:
        assert f1_at_true_rate(np.array([-np.inf, 0.0, 1.0]), np.array([True, False, False])) == 1.0

    def test_nothing_to_find_is_refused(self) -> None:
        with pytest.raises(ValueError, match="none among 3 pairs"):
            f1_at_true_rate(np.ones(3), np.zeros(3, dtype=np.bool_))

    def test_nan_is_refused(self) -> None:
        with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
            f1_at_true_rate(np.array([np.nan, 1.0]), np.array([True, False]))
