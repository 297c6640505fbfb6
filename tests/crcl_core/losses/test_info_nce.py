import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.losses import InfoNceLoss
from crcl_core.types import BoolArray, DoubleArray


def _oracle(similarities: DoubleArray, labels: DoubleArray, temperature: float, is_masked: BoolArray) -> float:
    """The loss written one pair at a time."""
    n = len(labels)
    losses = []
    for i in range(n):
        row = [similarities[i, j] / temperature for j in range(n) if not is_masked[i, j]]
        column = [similarities[j, i] / temperature for j in range(n) if not is_masked[j, i]]
        p = math.exp(similarities[i, i] / temperature) / sum(math.exp(value) for value in row)
        r = math.exp(similarities[i, i] / temperature) / sum(math.exp(value) for value in column)
        losses.append(labels[i] * -(math.log(p) + math.log(r)) / 2)
    return float(sum(losses)) / n


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
    def test_equals_the_loss_written_one_pair_at_a_time(self, n: int, seed: int) -> None:
        similarities, labels = _batch(n, seed)
        expected = _oracle(similarities.numpy(), labels.numpy(), 0.05, np.zeros((n, n), dtype=bool))
        assert float(InfoNceLoss()(similarities, labels)) == pytest.approx(expected, rel=1e-10, abs=1e-12)

    def test_equals_it_with_siblings_masked(self) -> None:
        similarities, labels = _batch(5)
        expected = _oracle(similarities.numpy(), labels.numpy(), 0.3, _sibling_mask(5).numpy())
        loss = InfoNceLoss(temperature=0.3)(similarities, labels, _sibling_mask(5))
        assert float(loss) == pytest.approx(expected, rel=1e-10)

    def test_with_labels_of_one_equals_the_cross_entropy_of_pytorch(self) -> None:
        similarities, _ = _batch(6)
        targets = torch.arange(6)
        cross_entropy = torch.nn.functional.cross_entropy
        expected = (cross_entropy(similarities / 0.05, targets) + cross_entropy(similarities.t() / 0.05, targets)) / 2
        torch.testing.assert_close(InfoNceLoss()(similarities, torch.ones(6)), expected)


class TestValues:
    def test_two_pairs_by_hand(self) -> None:
        # At temperature 1 both directions of both pairs see the logits log 3 and 0: p = 3 / 4.
        similarities = torch.tensor([[math.log(3), 0.0], [0.0, math.log(3)]])
        loss = InfoNceLoss(temperature=1.0)(similarities, torch.tensor([1.0, 0.5]))
        assert float(loss) == pytest.approx((1 + 0.5) / 2 * math.log(4 / 3))

    def test_a_batch_of_one_has_no_loss(self) -> None:
        assert float(InfoNceLoss()(torch.tensor([[0.3]]), torch.ones(1))) == 0.0

    def test_pairs_that_are_all_noisy_have_no_loss(self) -> None:
        assert float(InfoNceLoss()(_batch(4)[0], torch.zeros(4))) == 0.0

    def test_similarities_far_apart_stay_finite(self) -> None:
        similarities = torch.tensor([[-1e4, 1e4], [1e4, -1e4]])
        assert bool(InfoNceLoss()(similarities, torch.ones(2)).isfinite())

    def test_equal_similarities_give_the_logarithm_of_the_batch_size(self) -> None:
        assert float(InfoNceLoss()(torch.zeros(7, 7), torch.ones(7))) == pytest.approx(math.log(7))


class TestGradient:
    def test_equals_finite_differences(self) -> None:
        similarities, labels = _batch(4)
        similarities.requires_grad_()
        loss = InfoNceLoss(temperature=0.5)
        assert torch.autograd.gradcheck(lambda values: loss(values, labels, _sibling_mask(4)), (similarities,))

    def test_does_not_reach_the_labels(self) -> None:
        similarities, labels = _batch(3)
        similarities.requires_grad_()
        labels.requires_grad_()
        InfoNceLoss()(similarities, labels).backward()
        assert labels.grad is None


class TestArguments:
    def test_refuses_labels_of_another_length(self) -> None:
        with pytest.raises(ValueError, match=r"labels have the shape \(3,\), expected \(2,\)"):
            InfoNceLoss()(torch.zeros(2, 2), torch.ones(3))

    def test_refuses_similarities_that_are_not_square(self) -> None:
        with pytest.raises(ValueError, match=r"similarities have the shape \(2, 3\), expected \(B, B\)"):
            InfoNceLoss()(torch.zeros(2, 3), torch.ones(2))

    @pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
    def test_refuses_a_temperature_that_is_not_positive(self, temperature: float) -> None:
        with pytest.raises(ValueError, match="temperature is"):
            InfoNceLoss(temperature=temperature)
