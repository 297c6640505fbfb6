import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.models.region_projection import RegionProjection
from crcl_core.types import DoubleArray


class TestRegionProjection:
    def test_equals_the_oracle_with_the_batchs_statistics_in_training(self) -> None:
        projection, regions = _projection(), _regions()
        hidden = _linear(projection, "hidden", regions)
        expected = _oracle(projection, regions, hidden.mean(axis=0), hidden.var(axis=0))
        np.testing.assert_allclose(projection(regions).t().detach(), expected, atol=1e-5)

    def test_equals_the_oracle_with_the_learned_statistics_in_evaluation(self) -> None:
        projection, regions = _projection(), _regions()
        projection(regions)
        projection.eval()
        norm = projection.hidden_norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        expected = _oracle(projection, regions, norm.running_mean.numpy(), norm.running_var.numpy())
        np.testing.assert_allclose(projection(regions).t().detach(), expected, atol=1e-5)

    def test_the_learned_statistics_are_those_of_a_row_a_region(self) -> None:
        projection, regions = _projection(), _regions()
        projection(regions)
        hidden = _linear(projection, "hidden", regions)
        assert projection.hidden_norm.running_mean is not None
        np.testing.assert_allclose(projection.hidden_norm.running_mean, 0.1 * hidden.mean(axis=0), atol=1e-6)

    def test_starts_without_bias_in_the_linear_map(self) -> None:
        projection = _projection()
        bound = (6 / (5 + 4)) ** 0.5
        assert not projection.linear.bias.any()
        assert projection.linear.weight.abs().max() <= bound

    def test_the_gradient_is_right(self) -> None:
        projection = _projection().double()
        regions = _regions().double().requires_grad_()
        parameters = tuple(projection.parameters())
        assert torch.autograd.gradcheck(lambda values, *_: projection(values), (regions, *parameters))

    @pytest.mark.parametrize("name", ["region_dim", "joint_dim"])
    def test_refuses_a_size_of_zero(self, name: str) -> None:
        sizes = [0 if name == other else 2 for other in ("region_dim", "joint_dim")]
        with pytest.raises(ValueError, match=f"{name} is 0, expected 1 or more"):
            RegionProjection(*sizes)

    def test_refuses_an_odd_joint_width(self) -> None:
        with pytest.raises(ValueError, match="joint_dim is 3, expected an even number"):
            RegionProjection(4, 3)


def _projection() -> RegionProjection:
    torch.manual_seed(0)
    return RegionProjection(5, 4)


def _regions() -> Tensor:
    return torch.randn(7, 5, generator=torch.Generator().manual_seed(0))


def _oracle(projection: RegionProjection, regions: Tensor, mean: DoubleArray, variance: DoubleArray) -> DoubleArray:
    """(V, D) -> (V, J)."""
    normed = (_linear(projection, "hidden", regions) - mean) / np.sqrt(variance + 1e-5)
    active = np.maximum(normed, 0)
    output = projection.output
    mapped = active @ output.weight.detach().double().numpy().T + output.bias.detach().double().numpy()
    return np.asarray(_linear(projection, "linear", regions) + mapped)


def _linear(projection: RegionProjection, name: str, regions: Tensor) -> DoubleArray:
    layer = getattr(projection, name)
    return np.asarray(regions.double() @ layer.weight.detach().double().t() + layer.bias.detach().double())
