import pytest
import torch
from torch import Tensor

from crcl_core.models import node_comparison
from crcl_core.models.node_comparison import Compared, Layer, compare
from crcl_core.models.normalisation import scaled_to_unit
from tests.crcl_core.models.pair_models import numbers

_TWO_IMAGES = 2 * 6 * 4 * 8  # bytes of their differences from the six words


def _inputs(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Five images of 2 regions, two captions of 3 words, J = 4, S = 2."""
    shapes = ((5, 6, 2), (5, 2, 4), (2, 3, 4), (5, 4), (2, 4), (2, 4), (2,), (2, 4), (2,))
    inputs = [numbers(*shape, seed=seed).to(dtype) for seed, shape in enumerate(shapes)]
    # Far from nodes of length 0, where the direction is all rounding.
    inputs[6] += 4
    inputs[8] += 4
    return [value.requires_grad_() for value in inputs]


def _compared(*inputs: Tensor) -> Tensor:
    return compare(Compared(*inputs[:5]), Layer(*inputs[5:7]), Layer(*inputs[7:]))


def _plainly(*inputs: Tensor) -> Tensor:
    compared = Compared(*inputs[:5])
    contexts = (compared.context_weights @ compared.regions).view(5, 2, 3, 4)
    of_wholes = (compared.image_globals.unsqueeze(1) - compared.caption_globals) ** 2 @ inputs[5].t() + inputs[6]
    of_words = (contexts - compared.words) ** 2 @ inputs[7].t() + inputs[8]
    return scaled_to_unit(torch.cat((of_wholes.unsqueeze(2), of_words), dim=2))


@pytest.fixture(params=[1, _TWO_IMAGES, 2**20], ids=["an image a chunk", "two images a chunk", "one chunk"])
def _chunk_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_comparison, "CHUNK_BYTES", request.param)


@pytest.mark.usefixtures("_chunk_bytes")
class TestCompare:
    def test_equals_the_formula(self) -> None:
        torch.testing.assert_close(_compared(*_inputs()), _plainly(*_inputs()))

    def test_its_gradient_equals_that_of_the_formula(self) -> None:
        gradients = []
        for function in (_compared, _plainly):
            inputs = _inputs()
            nodes = function(*inputs)
            torch.autograd.backward((nodes * numbers(*nodes.shape, seed=9)).sum())
            gradients.append([value.grad for value in inputs])
        torch.testing.assert_close(gradients[0], gradients[1])

    def test_its_gradient_equals_finite_differences(self) -> None:
        assert torch.autograd.gradcheck(_compared, _inputs())

    def test_weights_may_lie_word_by_word_in_memory(self) -> None:
        weights, *others = _inputs()
        strided = weights.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
        assert torch.autograd.gradcheck(lambda w: _compared(w, *others), (strided,))

    def test_under_autocast_results_and_gradients_keep_the_precision_of_the_inputs(self) -> None:
        exact, rounded = _inputs(torch.float32), _inputs(torch.float32)
        factors = numbers(5, 2, 4, 2, seed=9).float()
        torch.autograd.backward((_compared(*exact) * factors).sum())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            nodes = _compared(*rounded)
        torch.autograd.backward((nodes * factors).sum())
        assert nodes.dtype == torch.float32
        torch.testing.assert_close(nodes, _compared(*exact), atol=0.05, rtol=0)
        for value, expected in zip(rounded, exact, strict=True):
            assert value.grad is not None
            assert value.grad.dtype == torch.float32
            torch.testing.assert_close(value.grad, expected.grad, atol=0.2, rtol=0.05)


class TestLimits:
    def test_nodes_of_zero_stay_zero_with_a_finite_gradient(self) -> None:
        inputs = [torch.zeros_like(value).requires_grad_() for value in _inputs()]
        nodes = _compared(*inputs)
        torch.autograd.backward(nodes.sum())
        assert torch.equal(nodes, torch.zeros_like(nodes))
        assert all(value.grad is not None and bool(value.grad.isfinite().all()) for value in inputs)
