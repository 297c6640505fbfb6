import pytest
import torch
from torch import Tensor

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase, estimate
from crcl_core.losses import ActiveComplementaryLoss, LossParts
from crcl_core.losses.info_nce import InfoNceLoss
from crcl_core.losses.triplet import HardestTripletLoss
from crcl_core.training import Objective
from crcl_core.training.objectives import build_objective

PAIRS = torch.tensor([1, 3, 4])
BASELINES = [Objective.INFO_NCE, Objective.TRIPLET]


@pytest.fixture
def labels() -> CorrespondenceLabels:
    return CorrespondenceLabels(6, momentum=0.5, floor=0.1)


@pytest.fixture
def similarities() -> Tensor:
    return torch.tensor([[0.9, 0.1, 0.2], [0.3, 0.2, 0.8], [0.1, 0.4, 0.5]])


def _parts(objective: Objective, similarities: Tensor, labels: CorrespondenceLabels) -> LossParts:
    compute = build_objective(objective, temperature=0.1, complementary_weight=2.0, margin=0.2)
    return compute(similarities, None, labels, PAIRS, RefinementPhase.REFINING)


class TestCrcl:
    def test_refines_the_labels_and_weighs_the_loss_with_them(
        self, similarities: Tensor, labels: CorrespondenceLabels
    ) -> None:
        parts = _parts(Objective.CRCL, similarities, labels)
        refined = 0.5 + 0.5 * estimate(similarities, 0.1).double()
        torch.testing.assert_close(labels.labels[PAIRS], refined)
        expected = ActiveComplementaryLoss(temperature=0.1, complementary_weight=2.0)(similarities, refined)
        torch.testing.assert_close(parts.total, expected.total)


class TestBaselines:
    @pytest.mark.parametrize("objective", BASELINES)
    def test_every_label_stays_1(
        self, objective: Objective, similarities: Tensor, labels: CorrespondenceLabels
    ) -> None:
        _parts(objective, similarities, labels)
        assert torch.equal(labels.labels, torch.ones(6, dtype=torch.float64))
        assert torch.equal(labels.shadow_labels, torch.ones(6, dtype=torch.float64))

    def test_the_loss_is_the_baselines(self, similarities: Tensor, labels: CorrespondenceLabels) -> None:
        ones = torch.ones(3)
        for objective, loss in (
            (Objective.INFO_NCE, InfoNceLoss(temperature=0.1)),
            (Objective.TRIPLET, HardestTripletLoss(margin=0.2)),
        ):
            parts = _parts(objective, similarities, labels)
            torch.testing.assert_close(parts.total, loss(similarities, ones))
            assert (float(parts.active), float(parts.complementary)) == (float(parts.total), 0.0)
