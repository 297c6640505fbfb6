from typing import Any

import numpy as np
import pytest
import torch

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase, estimate, refinement_phase
from crcl_core.losses import negatives_mask
from tests.crcl_core.losses.oracle import matching_probability

FROZEN, STARTING, REFINING = RefinementPhase.FROZEN, RefinementPhase.STARTING, RefinementPhase.REFINING


def _doubles(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


class TestEstimate:
    def test_is_the_mean_of_both_matching_probabilities(self) -> None:
        similarities = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 5
        is_masked = negatives_mask(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 2, 2]))
        s, mask = similarities.numpy(), is_masked.numpy()
        expected = [
            (matching_probability(s, i, i, 0.05, mask) + matching_probability(s.T, i, i, 0.05, mask.T)) / 2
            for i in range(4)
        ]
        np.testing.assert_allclose(estimate(similarities, 0.05, is_masked), expected, rtol=1e-12)

    def test_siblings_do_not_cap_it(self) -> None:
        # One image, two captions that both fit: without the mask both would be 1/2.
        similarities = torch.ones(2, 2)
        is_masked = negatives_mask(torch.tensor([0, 0]), torch.tensor([0, 1]))
        assert estimate(similarities, 0.05).tolist() == [0.5, 0.5]
        assert estimate(similarities, 0.05, is_masked).tolist() == [1.0, 1.0]

    def test_carries_no_gradient(self) -> None:
        assert not estimate(torch.zeros(2, 2, requires_grad=True), 0.05).requires_grad


class TestRefinementPhase:
    def test_the_first_round_starts_the_labels_in_its_last_warmup_epoch(self) -> None:
        assert [refinement_phase(0, epoch, 2) for epoch in range(4)] == [FROZEN, STARTING, REFINING, REFINING]

    def test_later_rounds_only_freeze(self) -> None:
        assert [refinement_phase(1, epoch, 2) for epoch in range(4)] == [FROZEN, FROZEN, REFINING, REFINING]

    def test_without_warmup_the_first_epoch_refines(self) -> None:
        assert refinement_phase(0, 0, 0) is REFINING


class TestCorrespondenceLabels:
    def test_start_at_one(self) -> None:
        labels = CorrespondenceLabels(3)
        assert labels.labels.tolist() == labels.shadow_labels.tolist() == [1.0, 1.0, 1.0]

    def test_move_by_momentum_and_the_loss_sees_the_moved_ones(self) -> None:
        labels = CorrespondenceLabels(3, momentum=0.8)
        for_loss = labels.update(torch.tensor([2, 0]), _doubles(0.5, 0.0), REFINING)
        assert for_loss.tolist() == pytest.approx([0.9, 0.8])
        assert labels.labels.tolist() == pytest.approx([0.8, 1.0, 0.9])

    def test_fall_to_zero_below_the_floor_while_their_shadow_does_not(self) -> None:
        labels = CorrespondenceLabels(1, momentum=0.5, floor=0.3)
        labels.update(torch.tensor([0]), _doubles(0.0), REFINING)
        for_loss = labels.update(torch.tensor([0]), _doubles(0.0), REFINING)
        assert for_loss.tolist() == labels.labels.tolist() == [0.0]
        assert labels.shadow_labels.tolist() == [0.25]

    def test_exactly_at_the_floor_stay(self) -> None:
        labels = CorrespondenceLabels(1, momentum=0.5, floor=0.5)
        labels.update(torch.tensor([0]), _doubles(0.0), REFINING)
        assert labels.labels.tolist() == [0.5]

    def test_frozen_do_not_move(self) -> None:
        labels = CorrespondenceLabels(1)
        assert labels.update(torch.tensor([0]), _doubles(0.2), FROZEN).tolist() == [1.0]
        assert labels.labels.tolist() == labels.shadow_labels.tolist() == [1.0]

    def test_starting_stores_the_unfloored_estimate_after_the_loss_saw_the_old_label(self) -> None:
        labels = CorrespondenceLabels(1, floor=0.1)
        assert labels.update(torch.tensor([0]), _doubles(0.05), STARTING).tolist() == [1.0]
        assert labels.labels.tolist() == labels.shadow_labels.tolist() == [0.05]

    def test_the_loss_sees_floored_labels_also_while_frozen(self) -> None:
        labels = CorrespondenceLabels(1, floor=0.1)
        labels.update(torch.tensor([0]), _doubles(0.05), STARTING)
        assert labels.update(torch.tensor([0]), _doubles(0.9), FROZEN).tolist() == [0.0]
        assert labels.labels.tolist() == [0.05]

    def test_what_the_loss_gets_is_a_copy(self) -> None:
        labels = CorrespondenceLabels(1)
        labels.update(torch.tensor([0]), _doubles(0.5), FROZEN).zero_()
        labels.update(torch.tensor([0]), _doubles(1.0), REFINING).zero_()
        assert labels.labels.tolist() == [1.0]

    def test_are_restored_from_their_state(self) -> None:
        labels = CorrespondenceLabels(2)
        labels.update(torch.tensor([1]), _doubles(0.3), REFINING)
        state = labels.state_dict()
        labels.update(torch.tensor([0]), _doubles(0.3), REFINING)
        other = CorrespondenceLabels(2)
        other.load_state_dict(state)
        assert other.labels.tolist() == pytest.approx([1.0, 0.86])
        assert other.shadow_labels.tolist() == pytest.approx([1.0, 0.86])

    def test_refuse_the_state_of_another_corpus(self) -> None:
        with pytest.raises(ValueError, match=r"labels have the shape \(3,\), expected \(2,\)"):
            CorrespondenceLabels(2).load_state_dict(CorrespondenceLabels(3).state_dict())

    @pytest.mark.parametrize(("name", "value"), [("momentum", 1.5), ("floor", -0.1)])
    def test_refuse_settings_outside_their_range(self, name: str, value: float) -> None:
        settings: Any = {name: value}  # Any: keywords of several types
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            CorrespondenceLabels(2, **settings)

    def test_refuse_a_negative_count(self) -> None:
        with pytest.raises(ValueError, match="n_pairs is -1"):
            CorrespondenceLabels(-1)


class TestInitialLabels:
    def test_what_is_known_begins_there_and_the_rest_at_1(self) -> None:
        labels = CorrespondenceLabels(3, initial=_doubles(0.25, float("nan"), 0.75))
        assert labels.labels.tolist() == labels.shadow_labels.tolist() == [0.25, 1.0, 0.75]

    def test_the_first_estimates_correct_what_is_known_and_replace_the_rest(self) -> None:
        labels = CorrespondenceLabels(2, momentum=0.75, initial=_doubles(0.4, float("nan")))
        labels.update(torch.tensor([0, 1]), _doubles(0.8, 0.8), STARTING)
        assert labels.shadow_labels.tolist() == pytest.approx([0.75 * 0.4 + 0.25 * 0.8, 0.8])

    def test_below_the_floor_they_count_as_0_for_the_loss(self) -> None:
        labels = CorrespondenceLabels(2, initial=_doubles(0.05, 0.5))
        assert labels.update(torch.tensor([0, 1]), _doubles(0.9, 0.9), FROZEN).tolist() == [0.0, 0.5]

    @pytest.mark.parametrize("initial", [_doubles(0.5), _doubles(0.5, 1.5), _doubles(-0.1, 0.5)])
    def test_others_are_refused(self, initial: torch.Tensor) -> None:
        with pytest.raises(ValueError, match="initial"):
            CorrespondenceLabels(2, initial=initial)
