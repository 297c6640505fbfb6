import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.models.bidirectional_gru import Packing, mean_of_directions
from crcl_core.models.generalized_pooling import GeneralizedPooling
from crcl_core.types import DoubleArray

_LENGTHS = torch.tensor([2, 5, 1, 5])


class TestGeneralizedPooling:
    def test_equals_the_slow_oracle(self) -> None:
        pooling, values = _pooling(), _values()
        pooled = pooling(values, _LENGTHS).detach()
        assert pooled.shape == (4, 3)
        for row, length in enumerate(_LENGTHS.tolist()):
            weights = _weights_of(pooling, length)
            expected = [np.sort(np.asarray(dimension)[:length])[::-1] @ weights for dimension in values[:, row]]
            np.testing.assert_allclose(pooled[row], expected, atol=1e-5)

    def test_a_hand_computed_case(self) -> None:
        pooling = GeneralizedPooling()
        torch.nn.init.zeros_(pooling.score.weight)  # Equal scores: the mean.
        values = torch.tensor([[[1.0, 3.0], [5.0, 7.0]]])  # One dimension, two rows of two.
        torch.testing.assert_close(pooling(values, torch.tensor([2, 1])).detach(), torch.tensor([[2.0], [5.0]]))

    def test_ignores_what_stands_behind_a_row(self) -> None:
        pooling, values = _pooling(), _values()
        changed = values.clone()
        changed[:, 0, 2:] = torch.inf
        torch.testing.assert_close(pooling(changed, _LENGTHS), pooling(values, _LENGTHS))

    def test_does_not_depend_on_the_order_of_the_elements(self) -> None:
        pooling, values = _pooling(), _values()
        lengths = torch.full((4,), 5)
        torch.testing.assert_close(pooling(values.flip(2), lengths), pooling(values, lengths))

    def test_positions_beyond_the_longest_row_weigh_nothing(self) -> None:
        weights = _pooling().rank_weights(torch.tensor([2, 3]), 5)
        assert weights.shape == (2, 5)
        assert not weights[0, 2:].any()
        assert not weights[1, 3:].any()
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))

    def test_a_row_of_one_element_is_that_element(self) -> None:
        values = _values()
        torch.testing.assert_close(_pooling()(values, torch.ones(4, dtype=torch.int64)), values[:, :, 0].t())

    def test_the_gradient_is_right(self) -> None:
        pooling = _pooling().double()
        values = _values().double().requires_grad_()
        parameters = tuple(pooling.parameters())
        assert torch.autograd.gradcheck(lambda given, *_: pooling(given, _LENGTHS), (values, *parameters))

    def test_nothing_flows_back_to_what_stands_behind_a_row(self) -> None:
        values = _values().requires_grad_()
        (gradient,) = torch.autograd.grad(_pooling()(values, _LENGTHS).sum(), values)
        assert not gradient[:, 0, 2:].any()

    def test_the_weights_are_exact_under_autocast(self) -> None:
        pooling = _pooling()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = pooling.rank_weights(_LENGTHS, 5)
        torch.testing.assert_close(rounded, pooling.rank_weights(_LENGTHS, 5))

    @pytest.mark.parametrize(("widths", "message"), [((0, 2), "position_dim is 0"), ((2, 0), "hidden_dim is 0")])
    def test_refuses_a_width_of_zero(self, widths: tuple[int, int], message: str) -> None:
        with pytest.raises(ValueError, match=f"{message}, expected 1 or more"):
            GeneralizedPooling(*widths)

    def test_refuses_an_odd_width_of_positions(self) -> None:
        with pytest.raises(ValueError, match="position_dim is 3, expected an even number"):
            GeneralizedPooling(3)


def _pooling() -> GeneralizedPooling:
    torch.manual_seed(0)
    return GeneralizedPooling(4, 3)


def _values() -> Tensor:
    return torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))


def _weights_of(pooling: GeneralizedPooling, length: int) -> DoubleArray:
    """(length,): one row's weights, position by position."""
    width = pooling.gru.input_size
    angles = [[position / 10_000 ** (2 * wave / width) for wave in range(width // 2)] for position in range(length)]
    positions = [[turn(angle) for angle in row for turn in (math.sin, math.cos)] for row in angles]
    packing = Packing.of(torch.tensor([length]))
    states = mean_of_directions(pooling.gru, torch.tensor(positions), packing)
    scores = np.asarray((states @ pooling.score.weight.t()).squeeze(1).detach(), dtype=np.float64)
    exponentials = np.exp(scores / 0.1)
    return np.asarray(exponentials / exponentials.sum())
