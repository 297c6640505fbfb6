import numpy as np
import pytest
import torch

from crcl_core.losses import matching_log_probabilities, negatives_mask
from tests.crcl_core.losses.oracle import matching_probability


class TestMatchingLogProbabilities:
    def test_equal_the_oracle_in_both_directions(self) -> None:
        similarities = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        is_masked = negatives_mask(torch.tensor([0, 0, 1, 2]), torch.arange(4))
        log_p, log_r = matching_log_probabilities(similarities, 0.5, is_masked)
        for ours, scores, mask in ((log_p, similarities, is_masked), (log_r, similarities.t(), is_masked.t())):
            expected = [
                [matching_probability(scores.numpy(), i, j, 0.5, mask.numpy()) for j in range(4)] for i in range(4)
            ]
            np.testing.assert_allclose(ours.exp(), expected, rtol=1e-12)

    def test_each_row_sums_to_one(self) -> None:
        log_p, log_r = matching_log_probabilities(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)), 0.05)
        for log_probabilities in (log_p, log_r):
            torch.testing.assert_close(log_probabilities.exp().sum(dim=1), torch.ones(5))

    def test_refuses_a_mask_of_another_shape(self) -> None:
        with pytest.raises(ValueError, match=r"is_masked is torch.bool \(3, 3\), expected torch.bool \(2, 2\)"):
            matching_log_probabilities(torch.zeros(2, 2), 1.0, torch.zeros(3, 3, dtype=torch.bool))

    def test_refuses_a_temperature_of_zero(self) -> None:
        with pytest.raises(ValueError, match="temperature is 0"):
            matching_log_probabilities(torch.zeros(2, 2), 0.0)


class TestNegativesMask:
    def test_marks_siblings_and_duplicate_captions(self) -> None:
        is_masked = negatives_mask(torch.tensor([5, 5, 7, 8]), torch.tensor([0, 1, 2, 2]))
        assert is_masked.nonzero().tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]

    def test_never_marks_the_diagonal(self) -> None:
        is_masked = negatives_mask(torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64))
        assert is_masked.tolist() == [[False, True, True], [True, False, True], [True, True, False]]

    def test_an_empty_batch_has_an_empty_mask(self) -> None:
        empty = torch.zeros(0, dtype=torch.int64)
        assert negatives_mask(empty, empty).shape == (0, 0)
