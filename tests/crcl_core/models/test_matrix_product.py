import pytest
import torch
from torch import Tensor

from crcl_core.models import matrix_product
from crcl_core.models.matrix_product import linear, product


def _rows(n: int, width: int, seed: int) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=["onednn where there is one", "plain"])
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_product, "_FEWEST_MULTIPLICATIONS", 1)
    if request.param == "plain":
        monkeypatch.setattr(matrix_product, "_HAS_ONEDNN", False)


@pytest.mark.usefixtures("_library")
class TestProduct:
    @pytest.mark.parametrize(("m", "k", "n"), [(7, 5, 3), (1, 300, 40), (130, 36, 70), (0, 4, 3), (4, 3, 1)])
    def test_equals_the_product_in_float64(self, m: int, k: int, n: int) -> None:
        left, right, bias = _rows(m, k, 0), _rows(k, n, 1), _rows(1, n, 2)[0]
        expected = (left.double() @ right.double() + bias).float()
        torch.testing.assert_close(product(left, right, bias), expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(product(left, right), expected - bias, atol=1e-4, rtol=1e-4)

    def test_its_matrices_may_lie_in_memory_in_any_way(self) -> None:
        left, right, bias = _rows(6, 8, 0), _rows(8, 5, 1), _rows(1, 5, 2)[0]
        forms = [
            (left.t().contiguous().t(), right.t().contiguous().t(), bias),
            (torch.cat((left, left), dim=1)[:, :8], torch.cat((right, right), dim=1)[:, :5], bias),
            (torch.stack((left, left), dim=2)[..., 0], right, torch.stack((bias, bias), dim=1)[:, 0]),
            (left, torch.ones(1, 1).expand(8, 5), bias),
        ]
        for left_form, right_form, bias_form in forms:
            expected = left_form.double() @ right_form.double() + bias_form.double()
            torch.testing.assert_close(product(left_form, right_form, bias_form), expected.float())

    def test_other_precisions_stay_as_they_are(self) -> None:
        for dtype in (torch.float64, torch.bfloat16):
            assert product(_rows(4, 3, 0).to(dtype), _rows(3, 2, 1).to(dtype)).dtype == dtype


@pytest.mark.usefixtures("_library")
class TestLinear:
    @pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 0), (1, 3, 2)])
    @pytest.mark.parametrize("has_bias", [True, False])
    def test_equals_pytorchs_with_its_gradient(self, shape: tuple[int, ...], *, has_bias: bool) -> None:
        found = []
        for function in (linear, torch.nn.functional.linear):
            n_rows = int(torch.tensor(shape).prod())
            inputs = _rows(n_rows, 5, 0).view(*shape, 5).requires_grad_()
            weight, bias = _rows(4, 5, 1).requires_grad_(), _rows(1, 4, 2)[0].requires_grad_()
            result = function(inputs, weight, bias if has_bias else None)
            torch.autograd.backward((result * torch.arange(4)).square().sum())
            found.append((result.detach(), inputs.grad, weight.grad, bias.grad if has_bias else None))
        torch.testing.assert_close(found[0], found[1], atol=1e-3, rtol=1e-4)

    def test_gives_no_gradient_to_what_wants_none(self) -> None:
        weight = _rows(4, 5, 1).requires_grad_()
        torch.autograd.backward(linear(_rows(3, 5, 0), weight).sum())
        assert weight.grad is not None

    def test_obeys_autocast(self) -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert linear(_rows(3, 5, 0), _rows(4, 5, 1)).dtype == torch.bfloat16
