import torch

from crcl_core.models.normalisation import scaled_to_unit


class TestScaledToUnit:
    def test_a_hand_computed_vector(self) -> None:
        torch.testing.assert_close(scaled_to_unit(torch.tensor([[3.0, 4.0]])), torch.tensor([[0.6, 0.8]]))

    def test_scales_along_the_last_axis(self) -> None:
        vectors = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(scaled_to_unit(vectors).norm(dim=-1), torch.ones(2, 3))

    def test_zeros_stay_zeros_with_a_finite_gradient(self) -> None:
        zeros = torch.zeros(2, 3, requires_grad=True)
        scaled = scaled_to_unit(zeros)
        assert not scaled.any()
        (gradient,) = torch.autograd.grad(scaled.sum(), zeros)
        assert gradient.isfinite().all()

    def test_the_length_is_added_to_and_not_bounded(self) -> None:
        tiny = torch.tensor([1e-8, 0.0], dtype=torch.float64)
        torch.testing.assert_close(scaled_to_unit(tiny), torch.tensor([0.5, 0.0], dtype=torch.float64))

    def test_the_gradient_is_right(self) -> None:
        vectors = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
        assert torch.autograd.gradcheck(scaled_to_unit, (vectors,))
