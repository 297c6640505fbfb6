import numpy as np
import pytest
import torch

from crcl_core.models.graph_reasoning import GraphReasoning
from tests.crcl_core.models.pair_models import numbers, roughen, weights_of
from tests.crcl_core.models.pair_oracle import reasoned

_LENGTHS = (4, 2, 1)
_IS_HIDDEN = (torch.arange(4) >= torch.tensor(_LENGTHS).unsqueeze(1)).unsqueeze(1)


def _step() -> GraphReasoning:
    module = GraphReasoning(5).double()
    roughen(module)
    return module


class TestGraphReasoning:
    @pytest.mark.parametrize("n_wanted", [1, 4])
    def test_equals_the_paper_with_queries_and_keys_written_out(self, n_wanted: int) -> None:
        module, nodes = _step(), numbers(3, 4, 5)
        found = module().reason(nodes, _IS_HIDDEN, n_wanted=n_wanted).detach()
        assert found.shape == (3, n_wanted, 5)
        for pair, length in enumerate(_LENGTHS):
            expected = reasoned(weights_of(module), nodes[pair, :length].numpy())
            n = min(n_wanted, length)
            np.testing.assert_allclose(found[pair, :n], expected[:n], rtol=1e-9, atol=1e-12)

    def test_a_pair_of_one_node_hears_itself(self) -> None:
        module, nodes = _step(), numbers(1, 1, 5)
        found = module().reason(nodes, torch.zeros(1, 1, 1, dtype=torch.bool), n_wanted=1)
        torch.testing.assert_close(found, module.update(nodes).relu())

    def test_its_gradient_equals_finite_differences(self) -> None:
        module = _step()
        nodes = numbers(3, 4, 5).requires_grad_()
        assert torch.autograd.gradcheck(lambda x: module().reason(x, _IS_HIDDEN, n_wanted=4), (nodes,))

    def test_the_bias_of_the_keys_has_a_gradient_of_zero(self) -> None:
        module = _step()
        torch.autograd.backward(module().reason(numbers(3, 4, 5), _IS_HIDDEN, n_wanted=4).sum())
        assert module.key.bias.grad is not None
        assert torch.equal(module.key.bias.grad, torch.zeros(5, dtype=torch.float64))
        assert all(weight.grad is not None for weight in module.parameters())
