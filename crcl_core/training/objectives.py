"""What a training step minimises, and what it does to the labels: CRCL, or a baseline that trusts every pair."""

from enum import StrEnum
from typing import Protocol, final

import torch
from torch import Tensor

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase, estimate
from crcl_core.losses import (
    ActiveComplementaryLoss,
    HardestTripletLoss,
    InfoNceLoss,
    LossParts,
    SoftMarginTripletLoss,
)


class Objective(StrEnum):
    """The objectives of the one trainer."""

    CRCL = "crcl"  # Active complementary loss, labels refined.
    INFO_NCE = "info_nce"  # Symmetric cross entropy; every label stays 1.
    TRIPLET = "triplet"  # Hinge with the hardest negatives (VSE++); every label stays 1.


class BatchObjective(Protocol):
    """Computes a batch's loss, and refines the labels of its pairs if it refines any."""

    def __call__(
        self,
        similarities: Tensor,
        is_masked: Tensor | None,
        labels: CorrespondenceLabels,
        pairs: Tensor,
        phase: RefinementPhase,
    ) -> LossParts:
        """Takes (B, B) similarities, their mask or None, all labels, the batch's pairs (B,) and what the epoch does."""
        ...


@final
class CrclObjective:
    """Self-refining correspondence correction, then the active complementary loss under the corrected labels.

    Args:
        temperature: The paper's tau.
        complementary_weight: The paper's lambda.
    """

    def __init__(self, *, temperature: float, complementary_weight: float) -> None:
        self._temperature = temperature
        self._loss = ActiveComplementaryLoss(temperature=temperature, complementary_weight=complementary_weight)

    def __call__(
        self,
        similarities: Tensor,
        is_masked: Tensor | None,
        labels: CorrespondenceLabels,
        pairs: Tensor,
        phase: RefinementPhase,
    ) -> LossParts:
        """See `BatchObjective`."""
        estimates = estimate(similarities, self._temperature, is_masked)
        batch_labels = labels.update(pairs, estimates, phase).to(similarities.device, torch.float32)
        parts: LossParts = self._loss(similarities, batch_labels, is_masked)
        return parts


@final
class GivenLabelsObjective:
    """A baseline's loss under labels that it leaves as they are: all 1, or what NCR sets between epochs.

    Args:
        loss: Takes similarities, labels and mask.
    """

    def __init__(self, loss: InfoNceLoss | HardestTripletLoss | SoftMarginTripletLoss) -> None:
        self._loss = loss

    def __call__(
        self,
        similarities: Tensor,
        is_masked: Tensor | None,
        labels: CorrespondenceLabels,
        pairs: Tensor,
        phase: RefinementPhase,
    ) -> LossParts:
        """See `BatchObjective`; the labels stay as they are."""
        del phase
        total: Tensor = self._loss(similarities, labels.labels[pairs].to(similarities), is_masked)
        return LossParts(active=total, complementary=torch.zeros_like(total), total=total)


def build_objective(
    objective: Objective, *, temperature: float, complementary_weight: float, margin: float
) -> BatchObjective:
    """Builds an objective; each takes those of the settings that concern it."""
    if objective is Objective.CRCL:
        return CrclObjective(temperature=temperature, complementary_weight=complementary_weight)
    if objective is Objective.INFO_NCE:
        return GivenLabelsObjective(InfoNceLoss(temperature=temperature))
    return GivenLabelsObjective(HardestTripletLoss(margin=margin))
