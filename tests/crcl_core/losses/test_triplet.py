import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.losses import HardestTripletLoss
from crcl_core.types import BoolArray, DoubleArray


def _oracle(similarities: DoubleArray, labels: DoubleArray, margin: float, is_masked: BoolArray) -> float:
    """The loss written one pair and one negative at a time: the largest hinge of each direction."""
    n = len(labels)
    total = 0.0
    for i in range(n):
        negatives = [j for j in range(n) if j != i and not is_masked[i, j]]
        mirrored = [j for j in range(n) if j != i and not is_masked[j, i]]
        to_text = [max(0.0, margin - similarities[i, i] + similarities[i, j]) for j in negatives]
        to_image = [max(0.0, margin - similarities[i, i] + similarities[j, i]) for j in mirrored]
        total += labels[i] * (max(to_text, default=0.0) + max(to_image, default=0.0))
    return total / n


def _batch(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    similarities = torch.rand(n, n, generator=random, dtype=torch.float64) * 2 - 1
    return similarities, torch.rand(n, generator=random, dtype=torch.float64)


def _sibling_mask(n: int) -> Tensor:
    """Pairs 0 and 1 are siblings."""
    is_masked = torch.zeros(n, n, dtype=torch.bool)
    is_masked[0, 1] = is_masked[1, 0] = True
    return is_masked


class TestAgainstTheOracle:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("n", [1, 2, 5])
    def test_equals_the_loss_written_one_negative_at_a_time(self, n: int, seed: int) -> None:
        similarities, labels = _batch(n, seed)
        expected = _oracle(similarities.numpy(), labels.numpy(), 0.2, np.zeros((n, n), dtype=bool))
        assert float(HardestTripletLoss()(similarities, labels)) == pytest.approx(expected, rel=1e-10, abs=1e-12)

    def test_equals_it_with_a_mask_that_is_not_symmetric(self) -> None:
        similarities, labels = _batch(6)
        is_masked = torch.rand(6, 6, generator=torch.Generator().manual_seed(5)) < 0.4
        is_masked.fill_diagonal_(fill_value=False)
        expected = _oracle(similarities.numpy(), labels.numpy(), 0.5, is_masked.numpy())
        loss = HardestTripletLoss(margin=0.5)(similarities, labels, is_masked)
        assert float(loss) == pytest.approx(expected, rel=1e-10)


class TestValues:
    def test_two_pairs_by_hand(self) -> None:
        similarities = torch.tensor([[0.5, 0.4], [0.1, 0.3]])
        # Pair 0: 0.2 - 0.5 + 0.4 = 0.1 and nothing. Pair 1: 0.2 - 0.3 + 0.1 = 0 and 0.2 - 0.3 + 0.4 = 0.3.
        loss = HardestTripletLoss()(similarities, torch.ones(2))
        assert float(loss) == pytest.approx((0.1 + 0.3) / 2)

    def test_labels_weigh_the_pairs(self) -> None:
        similarities = torch.tensor([[0.5, 0.4], [0.1, 0.3]])
        loss = HardestTripletLoss()(similarities, torch.tensor([1.0, 0.5]))
        assert float(loss) == pytest.approx((0.1 + 0.15) / 2)

    def test_only_the_hardest_negative_counts(self) -> None:
        similarities = torch.eye(3) * 0.5
        similarities[0, 1], similarities[0, 2] = 0.45, 0.44
        # Image 0 against caption 1, and caption 1 and caption 2 against image 0.
        expected = (0.15 + 0.15 + 0.14) / 3
        assert float(HardestTripletLoss()(similarities, torch.ones(3))) == pytest.approx(expected)

    def test_a_masked_entry_is_never_chosen(self) -> None:
        similarities, labels = _batch(5)
        similarities[0, 1] = similarities[1, 0] = 1e6
        assert float(HardestTripletLoss()(similarities, labels, _sibling_mask(5))) < 10

    def test_a_batch_of_one_has_no_loss(self) -> None:
        assert float(HardestTripletLoss()(torch.tensor([[0.3]]), torch.ones(1))) == 0.0

    def test_pairs_that_are_all_noisy_have_no_loss(self) -> None:
        assert float(HardestTripletLoss()(_batch(4)[0], torch.zeros(4))) == 0.0

    def test_negatives_beyond_the_margin_cost_nothing(self) -> None:
        assert float(HardestTripletLoss()(torch.eye(4), torch.ones(4))) == 0.0

    def test_equal_similarities_cost_twice_the_margin(self) -> None:
        assert float(HardestTripletLoss(margin=0.3)(torch.zeros(4, 4), torch.ones(4))) == pytest.approx(0.6)

    def test_a_similarity_that_is_not_a_number_shows_in_the_loss(self) -> None:
        similarities, labels = _batch(3)
        similarities[0, 1] = math.nan
        assert bool(HardestTripletLoss()(similarities, labels).isnan())


class TestGradient:
    def test_equals_finite_differences(self) -> None:
        similarities, labels = _batch(4)
        similarities.requires_grad_()
        loss = HardestTripletLoss(margin=0.5)
        assert torch.autograd.gradcheck(lambda values: loss(values, labels, _sibling_mask(4)), (similarities,))

    def test_is_zero_where_a_pair_has_no_negative(self) -> None:
        similarities = torch.zeros(2, 2, requires_grad=True)
        is_masked = torch.tensor([[False, True], [True, False]])
        HardestTripletLoss()(similarities, torch.ones(2), is_masked).backward()
        assert similarities.grad is not None
        assert bool((similarities.grad == 0).all())

    def test_does_not_reach_the_labels(self) -> None:
        similarities, labels = _batch(3)
        similarities.requires_grad_()
        labels.requires_grad_()
        HardestTripletLoss()(similarities, labels).backward()
        assert labels.grad is None


class TestArguments:
    def test_refuses_labels_of_another_length(self) -> None:
        with pytest.raises(ValueError, match=r"labels have the shape \(3,\), expected \(2,\)"):
            HardestTripletLoss()(torch.zeros(2, 2), torch.ones(3))

    @pytest.mark.parametrize("shape", [(2, 3), (4,), (0, 0)])
    def test_refuses_similarities_that_are_no_batch(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="similarities have the shape"):
            HardestTripletLoss()(torch.zeros(shape), torch.ones(2))

    def test_refuses_a_mask_that_is_not_boolean(self) -> None:
        with pytest.raises(ValueError, match=r"is_masked is torch\.float32"):
            HardestTripletLoss()(torch.zeros(2, 2), torch.ones(2), torch.zeros(2, 2))

    @pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
    def test_refuses_a_margin_that_is_negative_or_not_finite(self, margin: float) -> None:
        with pytest.raises(ValueError, match="margin is"):
            HardestTripletLoss(margin=margin)
