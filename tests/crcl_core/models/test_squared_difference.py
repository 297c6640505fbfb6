import pytest
import torch
from torch import Tensor

from crcl_core.models import squared_difference
from crcl_core.models.squared_difference import linear_of_squared_difference
from tests.crcl_core.models.pair_models import numbers


def _inputs() -> tuple[Tensor, ...]:
    """Five images of 2 regions, 3 words, J = 4, S = 2."""
    shapes = ((5, 3, 2), (5, 2, 4), (3, 4), (2, 4), (2,))
    return tuple(numbers(*shape, seed=seed) for seed, shape in enumerate(shapes))


def _plainly(weights: Tensor, regions: Tensor, words: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (weights @ regions - words) ** 2 @ weight.t() + bias


@pytest.fixture(params=[1, 3 * 4 * 8 * 2, 2**20], ids=["an image a chunk", "two images a chunk", "one chunk"])
def _chunk_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squared_difference, "CHUNK_BYTES", request.param)


@pytest.mark.usefixtures("_chunk_bytes")
class TestLinearOfSquaredDifference:
    def test_equals_the_formula(self) -> None:
        torch.testing.assert_close(linear_of_squared_difference(*_inputs()), _plainly(*_inputs()))

    def test_its_gradient_equals_finite_differences(self) -> None:
        inputs = tuple(value.requires_grad_() for value in _inputs())
        assert torch.autograd.gradcheck(linear_of_squared_difference, inputs)

    def test_weights_may_lie_word_by_word_in_memory(self) -> None:
        weights, *others = _inputs()
        strided = weights.transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
        assert torch.autograd.gradcheck(lambda w: linear_of_squared_difference(w, *others), (strided,))

    def test_under_autocast_gradients_keep_the_precision_of_the_weights(self) -> None:
        exact, rounded = ([value.float().requires_grad_() for value in _inputs()] for _ in range(2))
        torch.autograd.backward(linear_of_squared_difference(*exact).sum())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = linear_of_squared_difference(*rounded)
        assert result.dtype == torch.bfloat16
        torch.autograd.backward(result.sum())
        for value, expected in zip(rounded, exact, strict=True):
            assert value.grad is not None
            assert value.grad.dtype == torch.float32
            torch.testing.assert_close(value.grad, expected.grad, atol=0.3, rtol=0.03)
