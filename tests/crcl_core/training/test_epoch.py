import pytest
import torch
from torch import Tensor, nn

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase
from crcl_core.losses import LossParts, SoftMarginTripletLoss
from crcl_core.models import MatchingModel
from crcl_core.training.epoch import EpochTraining
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.objectives import GivenLabelsObjective
from crcl_core.training.schedule import EpochPosition, epoch_positions
from crcl_core.training.state import fresh_round, model_spec
from crcl_core.types import DivergedError
from tests.crcl_core.training.corpora import SMALL, corpus

CPU = torch.device("cpu")
FEATURES, _ = corpus(60)
BANK = FeatureBank(FEATURES, CPU)
POSITION = epoch_positions(SMALL)[1]


class _Recording:
    """An objective that only notes which pairs it met."""

    def __init__(self) -> None:
        self.pairs: list[int] = []

    def __call__(
        self,
        similarities: Tensor,
        is_masked: Tensor | None,
        labels: CorrespondenceLabels,
        pairs: Tensor,
        phase: RefinementPhase,
    ) -> LossParts:
        del is_masked, labels, phase
        self.pairs += pairs.tolist()
        total = similarities.mean()
        return LossParts(total, total, total)


def _fresh() -> tuple[MatchingModel, torch.optim.AdamW]:
    return fresh_round(SMALL, model_spec(SMALL, FEATURES), 0, CPU)


def _weights_after(position: EpochPosition) -> Tensor:
    model, optimizer = _fresh()
    EpochTraining(SMALL, BANK, CPU).train(model, optimizer, CorrespondenceLabels(60), torch.arange(60), position)
    return nn.utils.parameters_to_vector(model.parameters())


class TestEpochTraining:
    def test_every_given_pair_is_trained_on_once(self) -> None:
        model, optimizer = _fresh()
        objective = _Recording()
        pairs = torch.arange(10, 55)
        EpochTraining(SMALL, BANK, CPU, objective).train(model, optimizer, CorrespondenceLabels(60), pairs, POSITION)
        assert sorted(objective.pairs) == pairs.tolist()
        assert objective.pairs != pairs.tolist()

    def test_the_same_position_gives_the_same_bits_whatever_ran_before(self) -> None:
        first = _weights_after(POSITION)
        torch.rand(7)
        assert torch.equal(_weights_after(POSITION), first)
        assert not torch.equal(_weights_after(epoch_positions(SMALL)[2]), first)

    def test_a_given_objective_takes_the_place_of_that_of_the_settings(self) -> None:
        model, optimizer = _fresh()
        labels = CorrespondenceLabels(60)
        objective = GivenLabelsObjective(SoftMarginTripletLoss())
        losses = EpochTraining(SMALL, BANK, CPU, objective).train(
            model, optimizer, labels, torch.arange(60), epoch_positions(SMALL)[-1]
        )
        assert losses.total > 0
        assert losses.complementary == 0
        assert bool((labels.labels == 1).all())

    def test_fewer_than_two_pairs_train_nothing(self) -> None:
        model, optimizer = _fresh()
        before = nn.utils.parameters_to_vector(model.parameters()).clone()
        losses = EpochTraining(SMALL, BANK, CPU).train(
            model, optimizer, CorrespondenceLabels(60), torch.tensor([3]), POSITION
        )
        assert losses.total == 0
        assert torch.equal(nn.utils.parameters_to_vector(model.parameters()), before)

    def test_a_weight_that_is_not_finite_shows_in_the_loss_and_names_the_epoch(self) -> None:
        model, optimizer = _fresh()
        with torch.no_grad():
            next(model.parameters())[0] = torch.nan
        with pytest.raises(DivergedError, match="the loss is not finite at round 0, epoch 1, step 0"):
            EpochTraining(SMALL, BANK, CPU).train(
                model, optimizer, CorrespondenceLabels(60), torch.arange(60), POSITION
            )
