import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.losses import HardestTripletLoss, SoftMarginTripletLoss
from crcl_core.types import BoolArray, DoubleArray


def _oracle(
    similarities: DoubleArray, labels: DoubleArray, is_masked: BoolArray, *, has_hardest_only: bool = True
) -> list[float]:
    """The losses written one pair and one negative at a time, at margin 0.2 and m = 10."""
    n = len(labels)
    losses = []
    for i in range(n):
        margin = (10 ** labels[i] - 1) / 9 * 0.2
        to_text = [
            max(0.0, margin - similarities[i, i] + similarities[i, j])
            for j in range(n)
            if j != i and not is_masked[i, j]
        ]
        to_image = [
            max(0.0, margin - similarities[i, i] + similarities[j, i])
            for j in range(n)
            if j != i and not is_masked[j, i]
        ]
        sides = [side for side in (to_text, to_image) if side]
        losses.append(sum(max(side) if has_hardest_only else sum(side) / len(side) for side in sides))
    return losses


def _batch(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    similarities = torch.rand(n, n, generator=random, dtype=torch.float64) * 2 - 1
    return similarities, torch.rand(n, generator=random, dtype=torch.float64)


def _mask(n: int) -> Tensor:
    is_masked = torch.rand(n, n, generator=torch.Generator().manual_seed(3)) < 0.4
    return is_masked.fill_diagonal_(fill_value=False)


class TestAgainstTheOracle:
    @pytest.mark.parametrize("has_hardest_only", [True, False])
    @pytest.mark.parametrize("n", [1, 2, 5])
    def test_equals_the_losses_written_one_negative_at_a_time(self, n: int, has_hardest_only: bool) -> None:
        similarities, labels = _batch(n)
        loss = SoftMarginTripletLoss(has_hardest_only=has_hardest_only)
        nothing = np.zeros((n, n), dtype=bool)
        expected = _oracle(similarities.numpy(), labels.numpy(), nothing, has_hardest_only=has_hardest_only)
        np.testing.assert_allclose(loss.per_pair(similarities, labels), expected, rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize("has_hardest_only", [True, False])
    def test_equals_them_with_entries_masked(self, has_hardest_only: bool) -> None:
        similarities, labels = _batch(6)
        loss = SoftMarginTripletLoss(has_hardest_only=has_hardest_only)
        expected = _oracle(similarities.numpy(), labels.numpy(), _mask(6).numpy(), has_hardest_only=has_hardest_only)
        np.testing.assert_allclose(loss.per_pair(similarities, labels, _mask(6)), expected, rtol=1e-10, atol=1e-12)

    def test_the_loss_is_the_mean_over_the_pairs(self) -> None:
        similarities, labels = _batch(5)
        loss = SoftMarginTripletLoss()
        torch.testing.assert_close(loss(similarities, labels), loss.per_pair(similarities, labels).mean())


class TestValues:
    def test_two_pairs_by_hand(self) -> None:
        similarities = torch.tensor([[0.5, 0.4], [0.1, 0.3]])
        # Pair 0 has the full margin: 0.1 and nothing. Pair 1 has none: nothing, and 0.4 - 0.3 = 0.1.
        loss = SoftMarginTripletLoss()(similarities, torch.tensor([1.0, 0.0]))
        assert float(loss) == pytest.approx((0.1 + 0.1) / 2)

    def test_margins_run_from_none_to_the_full_one(self) -> None:
        margins = SoftMarginTripletLoss().margins(torch.tensor([0.0, 0.5, 1.0]))
        assert margins.tolist() == pytest.approx([0.0, (math.sqrt(10) - 1) / 9 * 0.2, 0.2])

    def test_labels_of_one_give_the_loss_of_vse_plus_plus(self) -> None:
        similarities, _ = _batch(5)
        expected = HardestTripletLoss()(similarities, torch.ones(5))
        torch.testing.assert_close(SoftMarginTripletLoss()(similarities, torch.ones(5)), expected)

    def test_noisy_pairs_have_no_loss_while_they_lead_their_negatives(self) -> None:
        assert float(SoftMarginTripletLoss()(torch.eye(4) * 0.01, torch.zeros(4))) == 0.0

    @pytest.mark.parametrize("has_hardest_only", [True, False])
    def test_a_batch_of_one_has_no_loss(self, has_hardest_only: bool) -> None:
        loss = SoftMarginTripletLoss(has_hardest_only=has_hardest_only)
        assert float(loss(torch.tensor([[0.3]]), torch.ones(1))) == 0.0

    def test_a_masked_entry_is_never_chosen(self) -> None:
        similarities = torch.tensor([[0.5, 9.0], [9.0, 0.5]])
        is_masked = torch.tensor([[False, True], [True, False]])
        assert float(SoftMarginTripletLoss()(similarities, torch.ones(2), is_masked)) == 0.0


class TestGradient:
    @pytest.mark.parametrize("has_hardest_only", [True, False])
    def test_equals_finite_differences(self, has_hardest_only: bool) -> None:
        similarities, labels = _batch(4)
        similarities.requires_grad_()
        loss = SoftMarginTripletLoss(margin=0.5, has_hardest_only=has_hardest_only)
        assert torch.autograd.gradcheck(lambda values: loss(values, labels, _mask(4)), (similarities,))

    def test_does_not_reach_the_labels(self) -> None:
        similarities, labels = _batch(3)
        similarities.requires_grad_()
        labels.requires_grad_()
        SoftMarginTripletLoss()(similarities, labels).backward()
        assert labels.grad is None


class TestArguments:
    def test_refuses_labels_of_another_length(self) -> None:
        with pytest.raises(ValueError, match=r"labels have the shape \(3,\), expected \(2,\)"):
            SoftMarginTripletLoss()(torch.zeros(2, 2), torch.ones(3))

    @pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
    def test_refuses_a_margin_that_is_negative_or_not_finite(self, margin: float) -> None:
        with pytest.raises(ValueError, match="margin is"):
            SoftMarginTripletLoss(margin=margin)

    @pytest.mark.parametrize("curve", [1.0, 0.5, math.nan, math.inf])
    def test_refuses_a_curve_that_is_not_above_one(self, curve: float) -> None:
        with pytest.raises(ValueError, match="curve is"):
            SoftMarginTripletLoss(curve=curve)
