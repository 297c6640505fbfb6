import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.losses import ActiveComplementaryLoss, negatives_mask
from tests.crcl_core.golden.reference import reference
from tests.crcl_core.losses.oracles import active_complementary_loss

N_REFERENCE_STEPS = 20


def _loss(
    similarities: Tensor, labels: Tensor, mask: Tensor | None = None, **more: float
) -> tuple[float, float, float]:
    parts = ActiveComplementaryLoss(**more)(similarities, labels, mask)
    return float(parts.active), float(parts.complementary), float(parts.total)


def _random(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    similarities = torch.rand(n, n, generator=generator, dtype=torch.float64) * 2 - 1
    return similarities, torch.rand(n, generator=generator, dtype=torch.float64)


class TestAgainstTheReference:
    @pytest.mark.parametrize("step", range(N_REFERENCE_STEPS))
    def test_parts_and_gradient_equal_the_official_codes(self, step: int) -> None:
        similarities = torch.tensor(reference("scc/similarities")[step], requires_grad=True)
        parts = ActiveComplementaryLoss()(similarities, _labels_in_loss(step))
        parts.total.backward()
        values = torch.stack(parts).detach().numpy()
        np.testing.assert_allclose(values, reference("scc/loss_active_complementary_total")[step], rtol=1e-5, atol=1e-5)
        assert similarities.grad is not None
        expected = reference("scc/grad_total_wrt_similarities")[step]
        np.testing.assert_allclose(similarities.grad.numpy(), expected, rtol=1e-5, atol=1e-5)


class TestAgainstTheOracle:
    @pytest.mark.parametrize("n", [2, 3, 7])
    @pytest.mark.parametrize("temperature", [0.05, 1.0])
    def test_a_batch_equals_the_loops(self, n: int, temperature: float) -> None:
        similarities, labels = _random(n, seed=n)
        expected = active_complementary_loss(similarities.numpy(), labels.numpy(), temperature=temperature, weight=5.0)
        np.testing.assert_allclose(_loss(similarities, labels, temperature=temperature), expected, rtol=1e-10)

    def test_masked_pairs_leave_both_softmaxes_and_both_sums(self) -> None:
        similarities, labels = _random(6)
        mask = negatives_mask(torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([0, 1, 2, 3, 4, 2]))
        expected = active_complementary_loss(
            similarities.numpy(), labels.numpy(), temperature=0.05, weight=5.0, is_masked=mask.numpy()
        )
        np.testing.assert_allclose(_loss(similarities, labels, mask), expected, rtol=1e-10)

    def test_a_hand_computed_two_by_two(self) -> None:
        # At temperature 1 and S = [[0, 0], [0, 0]] every probability is 1/2: active = 2 ln 2, and at y = 1 the
        # complementary part is tan(1/2) in each direction.
        active, complementary, total = _loss(torch.zeros(2, 2, dtype=torch.float64), torch.ones(2), temperature=1.0)
        assert active == pytest.approx(2 * math.log(2))
        assert complementary == pytest.approx(2 * math.tan(0.5))
        assert total == pytest.approx(2 * math.log(2) + 10 * math.tan(0.5))


class TestProperties:
    @pytest.mark.parametrize("n", [2, 5])
    def test_at_label_zero_all_candidate_positives_of_a_query_sum_to_k_minus_one_in_each_direction(
        self, n: int
    ) -> None:
        similarities, _ = _random(n)
        labels = torch.zeros(n, dtype=torch.float64)
        # Rolling the captions makes each of them the positive of each image once, and of each caption's images as well.
        total = sum(
            ActiveComplementaryLoss()(similarities.roll(shift, dims=1), labels).complementary for shift in range(n)
        )
        assert float(total) == pytest.approx(2 * (n - 1))

    def test_all_noisy_leaves_only_the_complementary_part(self) -> None:
        similarities, _ = _random(4)
        active, complementary, total = _loss(similarities, torch.zeros(4, dtype=torch.float64))
        assert total == pytest.approx(5 * complementary)
        assert active > 0

    def test_all_clean_is_active_plus_five_times_the_sum_over_the_negatives(self) -> None:
        similarities, _ = _random(4)
        active, complementary, total = _loss(similarities, torch.ones(4, dtype=torch.float64))
        assert total == pytest.approx(active + 5 * complementary)

    def test_a_batch_of_one_has_no_negative_and_no_loss(self) -> None:
        assert _loss(torch.tensor([[0.3]]), torch.tensor([0.4])) == (0.0, 0.0, 0.0)

    def test_a_batch_of_equal_captions_has_no_negative_and_a_finite_gradient(self) -> None:
        similarities = torch.rand(4, 4, requires_grad=True)
        parts = ActiveComplementaryLoss()(similarities, torch.rand(4), ~torch.eye(4, dtype=torch.bool))
        parts.total.backward()
        assert float(parts.total.detach()) == 0.0
        assert similarities.grad is not None
        assert torch.equal(similarities.grad, torch.zeros(4, 4))

    def test_extreme_similarities_stay_finite(self) -> None:
        similarities = torch.tensor([[1e4, -1e4], [1e4, -1e4]], requires_grad=True)
        parts = ActiveComplementaryLoss()(similarities, torch.tensor([1.0, 0.5]))
        parts.total.backward()
        assert torch.isfinite(parts.total.detach())
        assert similarities.grad is not None
        assert torch.isfinite(similarities.grad).all()

    def test_the_gradient_equals_finite_differences(self) -> None:
        similarities, labels = _random(4)
        mask = negatives_mask(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 2, 3]))
        loss = ActiveComplementaryLoss(temperature=0.5)
        assert torch.autograd.gradcheck(lambda s: loss(s, labels, mask).total, similarities.requires_grad_())

    def test_no_gradient_flows_into_the_labels(self) -> None:
        similarities, labels = _random(3)
        labels.requires_grad_()
        ActiveComplementaryLoss()(similarities.requires_grad_(), labels).total.backward()
        assert labels.grad is None


class TestArguments:
    def test_labels_of_another_length_are_named(self) -> None:
        with pytest.raises(ValueError, match=r"labels have the shape \(2,\), expected \(3,\)"):
            ActiveComplementaryLoss()(torch.zeros(3, 3), torch.zeros(2))

    def test_similarities_must_be_square(self) -> None:
        with pytest.raises(ValueError, match=r"expected \(B, B\)"):
            ActiveComplementaryLoss()(torch.zeros(2, 3), torch.zeros(2))

    @pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
    def test_the_temperature_is_positive(self, temperature: float) -> None:
        with pytest.raises(ValueError, match="temperature"):
            ActiveComplementaryLoss(temperature=temperature)


class TestNegativesMask:
    def test_siblings_and_duplicate_captions_are_marked_and_the_diagonal_never(self) -> None:
        mask = negatives_mask(torch.tensor([0, 0, 1]), torch.tensor([5, 6, 5]))
        assert mask.tolist() == [[False, True, True], [True, False, False], [True, False, False]]


def _labels_in_loss(step: int) -> Tensor:
    """The labels that the reference's loss of a step used: see the reference's order of update, floor and loss."""
    round_number, epoch, half = (int(value) for value in reference("scc/round_epoch_half")[step])
    pairs = slice(6 * half, 6 * half + 6)
    is_warm_up = epoch < 2
    if not is_warm_up:
        return torch.tensor(reference("scc/labels_after_step")[step][pairs])
    if round_number == 0:
        return torch.ones(6, dtype=torch.float64)
    before = torch.tensor(reference("scc/labels_after_step")[step - 1][pairs])
    return torch.where(before < 0.1, 0.0, before)
