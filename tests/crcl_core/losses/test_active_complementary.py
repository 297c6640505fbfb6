import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.losses import ActiveComplementaryLoss, negatives_mask
from tests.crcl_core.losses.oracle import active_complementary_loss


def _similarities(n: int, seed: int = 0, scale: float = 0.3) -> Tensor:
    return torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def _labels(n: int, seed: int = 1) -> Tensor:
    return torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _siblings() -> Tensor:
    """A mask of five pairs: 0 and 1 share an image, 2 and 3 a caption."""
    return negatives_mask(torch.tensor([0, 0, 1, 2, 3]), torch.tensor([0, 1, 2, 2, 4]))


class TestAgainstTheOracle:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("n", [2, 5])
    def test_equals_the_paper_computed_one_pair_at_a_time(self, n: int, seed: int) -> None:
        similarities, labels = _similarities(n, seed), _labels(n, seed)
        parts = ActiveComplementaryLoss()(similarities, labels)
        expected = active_complementary_loss(similarities.numpy(), labels.numpy())
        np.testing.assert_allclose(torch.stack(parts), expected, rtol=1e-10)

    def test_equals_it_with_siblings_and_duplicates_masked(self) -> None:
        similarities, labels = _similarities(5), _labels(5)
        parts = ActiveComplementaryLoss()(similarities, labels, _siblings())
        expected = active_complementary_loss(similarities.numpy(), labels.numpy(), is_masked=_siblings().numpy())
        np.testing.assert_allclose(torch.stack(parts), expected, rtol=1e-10)

    def test_equals_it_with_other_settings(self) -> None:
        similarities, labels = _similarities(4), _labels(4)
        parts = ActiveComplementaryLoss(temperature=0.2, complementary_weight=1.5)(similarities, labels)
        expected = active_complementary_loss(similarities.numpy(), labels.numpy(), temperature=0.2, weight=1.5)
        np.testing.assert_allclose(torch.stack(parts), expected, rtol=1e-10)

    def test_a_hand_computed_batch_of_two(self) -> None:
        # All similarities 0, so every probability is 1/2 and every tangent t = tan(1/2).
        # Active: 2 log 2. Complementary at y = 1: 2 t; at y = 0: 2 t / (2 t) = 1.
        parts = ActiveComplementaryLoss()(torch.zeros(2, 2, dtype=torch.float64), torch.tensor([1.0, 0.0]))
        t = math.tan(0.5)
        assert float(parts.active) == pytest.approx(2 * math.log(2))
        assert float(parts.complementary) == pytest.approx((2 * t + 1) / 2)
        assert float(parts.total) == pytest.approx(math.log(2) + 5 * (2 * t + 1) / 2)


class TestGradient:
    @pytest.mark.parametrize("is_masked", [None, _siblings()], ids=["unmasked", "masked"])
    def test_equals_finite_differences(self, is_masked: Tensor | None) -> None:
        labels = _labels(5)
        loss = ActiveComplementaryLoss(temperature=0.2)
        similarities = _similarities(5).requires_grad_()
        assert torch.autograd.gradcheck(lambda s: loss(s, labels, is_masked).total, (similarities,))

    def test_none_flows_into_the_labels(self) -> None:
        labels = _labels(4).requires_grad_()
        ActiveComplementaryLoss()(_similarities(4).requires_grad_(), labels).total.backward()
        assert labels.grad is None

    def test_none_flows_into_masked_similarities(self) -> None:
        similarities = _similarities(5).requires_grad_()
        ActiveComplementaryLoss()(similarities, _labels(5), _siblings()).total.backward()
        assert similarities.grad is not None
        assert torch.equal(similarities.grad[_siblings()], torch.zeros(4, dtype=torch.float64))


class TestLimits:
    def test_a_batch_of_one_has_no_loss(self) -> None:
        parts = ActiveComplementaryLoss()(torch.tensor([[0.7]]), torch.tensor([1.0]))
        assert torch.stack(parts).tolist() == [0.0, 0.0, 0.0]

    def test_all_clean_uses_the_plain_sum_over_the_negatives(self) -> None:
        similarities = _similarities(3)
        parts = ActiveComplementaryLoss()(similarities, torch.ones(3))
        tangents = [(similarities / 0.05).softmax(dim=d).tan() for d in (0, 1)]
        expected = sum(float(t.sum() - t.diagonal().sum()) for t in tangents) / 3
        assert float(parts.complementary) == pytest.approx(expected)
        assert float(parts.total) == pytest.approx(float(parts.active) + 5 * expected)

    def test_all_noisy_drops_the_active_loss(self) -> None:
        parts = ActiveComplementaryLoss()(_similarities(3), torch.zeros(3))
        assert float(parts.total) == pytest.approx(5 * float(parts.complementary))

    @pytest.mark.parametrize("label", [0.0, 0.5, 1.0])
    def test_all_captions_equal_gives_zero_and_a_finite_gradient(self, label: float) -> None:
        similarities = _similarities(4).requires_grad_()
        is_masked = negatives_mask(torch.arange(4), torch.zeros(4, dtype=torch.int64))
        parts = ActiveComplementaryLoss()(similarities, torch.full((4,), label), is_masked)
        parts.total.backward()
        assert float(parts.total.detach()) == 0.0
        assert similarities.grad is not None
        assert torch.equal(similarities.grad, torch.zeros_like(similarities))

    def test_extreme_similarities_stay_finite(self) -> None:
        similarities = torch.tensor([[-1e4, 1e4], [1e4, -1e4]], requires_grad=True)
        parts = ActiveComplementaryLoss()(similarities, torch.tensor([1.0, 0.0]))
        parts.total.backward()
        assert torch.stack(parts).isfinite().all()
        assert similarities.grad is not None
        assert similarities.grad.isfinite().all()

    def test_labels_of_another_dtype_do_not_change_the_losses(self) -> None:
        parts = ActiveComplementaryLoss()(_similarities(3).float(), _labels(3))
        assert parts.total.dtype == torch.float32


class TestRobustness:
    @pytest.mark.parametrize("n", [2, 7])
    def test_at_label_zero_the_sum_over_all_candidate_positives_is_constant(self, n: int) -> None:
        # Rolling the captions makes each of the K captions once the positive of each image.
        similarities = _similarities(n)
        loss = ActiveComplementaryLoss()
        parts = [loss(similarities.roll(shift, dims=1), torch.zeros(n)) for shift in range(n)]
        # Two directions, each K - 1 whatever the similarities are.
        assert float(sum(part.complementary for part in parts)) == pytest.approx(2 * (n - 1))


class TestArguments:
    def test_refuses_similarities_that_are_not_square(self) -> None:
        with pytest.raises(ValueError, match=r"similarities have the shape \(2, 3\), expected \(B, B\)"):
            ActiveComplementaryLoss()(torch.zeros(2, 3), torch.ones(2))

    def test_refuses_labels_of_another_length(self) -> None:
        with pytest.raises(ValueError, match=r"labels have the shape \(3,\), expected \(2,\)"):
            ActiveComplementaryLoss()(torch.zeros(2, 2), torch.ones(3))

    def test_refuses_a_mask_that_is_not_boolean(self) -> None:
        with pytest.raises(ValueError, match=r"is_masked is torch\.float32"):
            ActiveComplementaryLoss()(torch.zeros(2, 2), torch.ones(2), torch.zeros(2, 2))

    @pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
    def test_refuses_a_temperature_that_is_not_positive(self, temperature: float) -> None:
        with pytest.raises(ValueError, match="temperature is"):
            ActiveComplementaryLoss(temperature=temperature)

    def test_refuses_a_negative_weight(self) -> None:
        with pytest.raises(ValueError, match="complementary_weight is -1"):
            ActiveComplementaryLoss(complementary_weight=-1)
