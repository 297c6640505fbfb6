import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase, estimate, refinement_phase
from crcl_core.losses import ActiveComplementaryLoss
from tests.crcl_core.golden.reference import reference
from tests.crcl_core.losses.oracles import matching_probability

WARMUP_EPOCHS = 2
REFINING = RefinementPhase.REFINING


def _one(label: float) -> CorrespondenceLabels:
    labels = CorrespondenceLabels(1)
    labels.load_state_dict(
        {"labels": torch.tensor([label]), "shadow_labels": torch.tensor([label])},
    )
    return labels


def _all(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class TestAgainstTheReference:
    def test_twenty_steps_give_the_official_codes_losses_gradients_and_labels(self) -> None:
        labels = CorrespondenceLabels(12)
        for step, (round_number, epoch, half) in enumerate(reference("scc/round_epoch_half").astype(int).tolist()):
            similarities = torch.tensor(reference("scc/similarities")[step], requires_grad=True)
            pairs = torch.arange(6 * half, 6 * half + 6)
            phase = refinement_phase(round_number, epoch, WARMUP_EPOCHS)
            in_loss = labels.update(pairs, estimate(similarities, 0.05), phase)
            parts = ActiveComplementaryLoss()(similarities, in_loss)
            parts.total.backward()
            assert similarities.grad is not None
            _assert_equal(torch.stack(parts).detach(), "scc/loss_active_complementary_total", step)
            _assert_equal(similarities.grad, "scc/grad_total_wrt_similarities", step)
            _assert_equal(labels.labels, "scc/labels_after_step", step)

    def test_the_reference_covers_two_rounds_and_both_halves(self) -> None:
        positions = reference("scc/round_epoch_half").astype(int)
        assert {tuple(row) for row in positions.tolist()} == {
            (r, e, h) for r in (0, 1) for e in range(5) for h in (0, 1)
        }


class TestEstimate:
    def test_it_is_the_mean_of_both_matching_probabilities(self) -> None:
        similarities = np.random.default_rng(0).uniform(-1, 1, size=(4, 4))
        nothing = np.zeros((4, 4), dtype=np.bool_)
        expected = [
            0.5 * matching_probability(similarities / 0.05, i, i, nothing)
            + 0.5 * matching_probability(similarities.T / 0.05, i, i, nothing)
            for i in range(4)
        ]
        np.testing.assert_allclose(estimate(torch.tensor(similarities), 0.05).numpy(), expected, rtol=1e-10)

    def test_without_negatives_it_is_one(self) -> None:
        assert estimate(torch.tensor([[0.1]]), 0.05).tolist() == [1.0]

    def test_equal_captions_are_all_masked_and_give_one(self) -> None:
        is_masked = ~torch.eye(3, dtype=torch.bool)
        assert estimate(torch.rand(3, 3), 0.05, is_masked).tolist() == [1.0, 1.0, 1.0]

    def test_it_carries_no_gradient(self) -> None:
        assert not estimate(torch.rand(2, 2, requires_grad=True), 0.05).requires_grad


class TestRefinementPhase:
    @pytest.mark.parametrize(
        ("round_number", "epoch", "expected"),
        [
            (0, 0, RefinementPhase.FROZEN),
            (0, 1, RefinementPhase.STARTING),
            (0, 2, RefinementPhase.REFINING),
            (1, 1, RefinementPhase.FROZEN),
            (1, 2, RefinementPhase.REFINING),
        ],
    )
    def test_warm_up_freezes_and_only_the_first_round_starts(
        self, round_number: int, epoch: int, expected: RefinementPhase
    ) -> None:
        assert refinement_phase(round_number, epoch, WARMUP_EPOCHS) is expected

    def test_without_warm_up_every_epoch_refines(self) -> None:
        assert refinement_phase(0, 0, 0) is REFINING


class TestCorrespondenceLabels:
    def test_a_correction_keeps_the_momentums_share(self) -> None:
        labels = _one(1.0)
        assert labels.update(torch.tensor([0]), _all([0.5]), REFINING).tolist() == pytest.approx([0.9])

    def test_below_the_floor_the_label_is_zero_and_the_shadow_is_not(self) -> None:
        labels = _one(0.1)
        labels.update(torch.tensor([0]), _all([0.0]), REFINING)
        assert labels.labels.tolist() == [0.0]
        assert labels.shadow_labels.tolist() == pytest.approx([0.08])

    def test_a_label_at_zero_revives_only_above_one_half(self) -> None:
        for probability, expected in ((0.49, 0.0), (0.51, 0.102)):
            labels = _one(0.0)
            labels.update(torch.tensor([0]), _all([probability]), REFINING)
            assert labels.labels.tolist() == pytest.approx([expected])

    def test_a_frozen_step_changes_nothing_and_floors_for_the_loss(self) -> None:
        labels = _one(0.05)
        assert labels.update(torch.tensor([0]), _all([0.9]), RefinementPhase.FROZEN).tolist() == [0.0]
        assert labels.labels.tolist() == pytest.approx([0.05])

    def test_the_starting_step_uses_the_old_label_and_stores_the_estimate_unfloored(self) -> None:
        labels = CorrespondenceLabels(1)
        assert labels.update(torch.tensor([0]), _all([0.03]), RefinementPhase.STARTING).tolist() == [1.0]
        assert labels.labels.tolist() == [0.03]

    def test_only_the_pairs_of_the_batch_change(self) -> None:
        labels = CorrespondenceLabels(3)
        labels.update(torch.tensor([2, 0]), _all([0.0, 0.5]), REFINING)
        assert labels.labels.tolist() == pytest.approx([0.9, 1.0, 0.8])

    def test_a_saved_state_is_out_of_reach_of_later_updates(self) -> None:
        labels = CorrespondenceLabels(1)
        state = labels.state_dict()
        labels.update(torch.tensor([0]), _all([0.0]), REFINING)
        assert state["labels"].tolist() == [1.0]
        labels.load_state_dict(state)
        assert labels.labels.tolist() == [1.0]

    def test_a_state_of_another_corpus_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"labels have the shape \(2,\), expected \(3,\)"):
            CorrespondenceLabels(3).load_state_dict(CorrespondenceLabels(2).state_dict())

    @pytest.mark.parametrize("name", ["momentum", "floor"])
    def test_settings_out_of_range_are_named(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"{name} is 1.5"):
            CorrespondenceLabels(1, **{name: 1.5})


def _assert_equal(found: Tensor, name: str, step: int) -> None:
    np.testing.assert_allclose(found.numpy(), reference(name)[step], rtol=1e-5, atol=1e-5, err_msg=f"{name} {step}")
