import math

import pytest
import torch

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase
from crcl_core.seeding import generator
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.state import TrainingState, fresh_round, model_spec
from crcl_core.training.step import NotFiniteError, TrainingStep
from tests.crcl_core.training.corpora import SMALL, corpus

CPU = torch.device("cpu")
BATCH = torch.arange(16)


@pytest.fixture
def state() -> TrainingState:
    model, optimizer = fresh_round(SMALL, model_spec(SMALL, corpus(40)[0]), 0, CPU)
    return TrainingState(model.eval(), optimizer, CorrespondenceLabels(40, momentum=0.5, floor=0.0))


@pytest.fixture
def step() -> TrainingStep:
    features, _ = corpus(40)
    return TrainingStep(SMALL, FeatureBank(features, CPU), CPU)


class TestTrainingStep:
    def test_lowers_the_loss_of_its_batch(self, step: TrainingStep, state: TrainingState) -> None:
        losses = [_run(step, state, RefinementPhase.FROZEN) for _ in range(20)]
        assert losses[-1] < losses[0] / 2

    def test_refines_the_labels_of_its_batch_only(self, step: TrainingStep, state: TrainingState) -> None:
        _run(step, state, RefinementPhase.REFINING)
        assert (state.labels.labels[:16] < 1).all()
        assert (state.labels.labels[16:] == 1).all()

    def test_the_loss_uses_the_refined_labels(self, step: TrainingStep, state: TrainingState) -> None:
        state.labels.momentum = 0.0
        refined = step.train(state.model, _idle(state), state.labels, BATCH, RefinementPhase.REFINING, generator(0))
        again = step.train(state.model, _idle(state), state.labels, BATCH, RefinementPhase.FROZEN, generator(0))
        assert refined.total == again.total

    def test_clips_the_gradient(self, step: TrainingStep, state: TrainingState) -> None:
        _run(step, state, RefinementPhase.FROZEN)
        gradients = [weight.grad for weight in state.model.parameters() if weight.grad is not None]
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        assert float(norm) <= SMALL.gradient_clip * 1.001

    def test_a_loss_that_is_not_finite_leaves_the_weights(self, step: TrainingStep, state: TrainingState) -> None:
        weights = list(state.model.parameters())
        with torch.no_grad():
            weights[0].fill_(math.nan)
        before = [weight.clone() for weight in weights[1:]]
        with pytest.raises(NotFiniteError, match="the loss"):
            _run(step, state, RefinementPhase.FROZEN)
        assert all(torch.equal(a, b) for a, b in zip(before, weights[1:], strict=True))


def _run(step: TrainingStep, state: TrainingState, phase: RefinementPhase) -> float:
    return step.train(state.model, state.optimizer, state.labels, BATCH, phase, generator(0)).total


def _idle(state: TrainingState) -> torch.optim.Optimizer:
    """An optimiser that moves nothing."""
    return torch.optim.SGD(state.model.parameters(), lr=0.0)
