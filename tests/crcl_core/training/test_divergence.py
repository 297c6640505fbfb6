import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from crcl_core.data import PairFeatures
from crcl_core.losses import ActiveComplementaryLoss, LossParts
from crcl_core.models import ModelKind
from crcl_core.training import Objective, train
from crcl_core.types import DivergedError
from tests.crcl_core.training.runs import N_EPOCHS, SHORT, bits, break_weights, train_until
from tests.crcl_core.training.worded_corpora import OF_REGIONS, small_config, worded_corpus


class TestDivergence:
    def test_one_loss_that_is_not_finite_goes_back_at_half_the_rate(
        self, features: PairFeatures, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = train(features, dataclasses.replace(SHORT, learning_rate=SHORT.learning_rate / 2))
        _break_loss(monkeypatch, _not_a_number, {2})
        result = train(features, SHORT)
        assert result.learning_rate_scale == 0.5
        # It broke in the first epoch, so nothing but the rate may tell it from a training at half the rate.
        assert {**bits(result), "learning_rate_scale": 1.0} == bits(expected)

    def test_going_back_keeps_the_epochs_before(self, features: PairFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = train(features, SHORT)
        _break_loss(monkeypatch, _not_a_number, {3 * _n_steps(features) + 1})
        result = train(features, SHORT)
        np.testing.assert_array_equal(result.label_history[:3], expected.label_history[:3])
        assert (result.label_history[5] != expected.label_history[5]).any()
        assert len(result.reports) == N_EPOCHS

    def test_half_the_rate_survives_a_kill(
        self, features: PairFeatures, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        _break_loss(monkeypatch, _not_a_number, {_n_steps(features) + 1})
        expected = train(features, SHORT)
        _break_loss(monkeypatch, _not_a_number, {_n_steps(features) + 1})
        train_until(3, features, SHORT, tmp_path)
        assert bits(train(features, SHORT, checkpoint_folder=tmp_path)) == bits(expected)

    def test_the_second_time_says_where(self, features: PairFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
        n_steps = _n_steps(features)
        _break_loss(monkeypatch, _not_a_number, {0, 1 + 4 * n_steps + 2})
        with pytest.raises(DivergedError, match="the loss is not finite at round 1, epoch 1, step 2") as caught:
            train(features, SHORT)
        assert (caught.value.round, caught.value.epoch, caught.value.step) == (1, 1, 2)

    def test_a_gradient_that_is_not_finite_counts_as_well(
        self, features: PairFeatures, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _break_loss(monkeypatch, _steep, {0, 1})
        with pytest.raises(DivergedError, match="the gradient is not finite at round 0, epoch 0, step 0"):
            train(features, SHORT)

    def test_a_rate_far_too_high_diverges_for_real(self, features: PairFeatures) -> None:
        with pytest.raises(DivergedError, match="the loss is not finite at round 0, epoch 0, step 1"):
            train(features, dataclasses.replace(SHORT, learning_rate=1e30))

    def test_weights_that_the_last_step_of_an_epoch_broke_reach_no_checkpoint(
        self, features: PairFeatures, tmp_path: Path
    ) -> None:
        one_step_an_epoch = dataclasses.replace(SHORT, learning_rate=1e39, batch_size=1_000)
        with pytest.raises(DivergedError, match="a weight after the epoch is not finite"):
            train(features, one_step_an_epoch, checkpoint_folder=tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_weights_that_the_last_step_broke_name_that_step(
        self, features: PairFeatures, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        n_steps = _n_steps(features)
        break_weights(monkeypatch, {n_steps - 1, 2 * n_steps - 1})
        with pytest.raises(DivergedError, match="a weight after the epoch is not finite") as caught:
            train(features, SHORT)
        assert (caught.value.round, caught.value.epoch, caught.value.step) == (0, 0, n_steps - 1)

    @pytest.mark.parametrize("objective", [Objective.INFO_NCE, Objective.TRIPLET])
    def test_a_baseline_goes_back_at_half_the_rate_too(
        self, objective: Objective, features: PairFeatures, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = dataclasses.replace(SHORT, objective=objective)
        expected = train(features, dataclasses.replace(config, learning_rate=config.learning_rate / 2))
        break_weights(monkeypatch, {_n_steps(features) - 1})
        assert {**bits(train(features, config)), "learning_rate_scale": 1.0} == bits(expected)

    @pytest.mark.parametrize("model", OF_REGIONS)
    def test_statistics_of_batches_go_back_as_well(self, model: ModelKind, monkeypatch: pytest.MonkeyPatch) -> None:
        words, config = worded_corpus(96)[0], small_config(model)
        expected = train(words, dataclasses.replace(config, learning_rate=config.learning_rate / 2))
        break_weights(monkeypatch, {1})
        assert {**bits(train(words, config)), "learning_rate_scale": 1.0} == bits(expected)


def _n_steps(features: PairFeatures) -> int:
    return round(features.n_pairs / SHORT.batch_size)


def _not_a_number(parts: LossParts, _similarities: torch.Tensor) -> LossParts:
    return parts._replace(total=parts.total * float("nan"))


def _steep(parts: LossParts, similarities: torch.Tensor) -> LossParts:
    # The root has the value 0 and an infinite slope there.
    return parts._replace(total=parts.total + similarities.square().sub(similarities.square()).sum().sqrt())


def _break_loss(
    monkeypatch: pytest.MonkeyPatch, break_it: Callable[[LossParts, torch.Tensor], LossParts], steps: set[int]
) -> None:
    """Breaks the loss of the given steps, counted over the whole training and including repeated ones."""
    n_done = 0

    class BrokenLoss(torch.nn.Module):
        def __init__(self, *, temperature: float, complementary_weight: float) -> None:
            super().__init__()
            self._loss = ActiveComplementaryLoss(temperature=temperature, complementary_weight=complementary_weight)

        def forward(self, similarities: torch.Tensor, labels: torch.Tensor, is_masked: torch.Tensor) -> LossParts:
            nonlocal n_done
            parts: LossParts = self._loss(similarities, labels, is_masked)
            is_broken = n_done in steps
            n_done += 1
            return break_it(parts, similarities) if is_broken else parts

    monkeypatch.setattr("crcl_core.training.objectives.ActiveComplementaryLoss", BrokenLoss)
