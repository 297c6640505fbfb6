"""One training step: similarities of a batch, its loss, and a move of the weights."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase
from crcl_core.losses import LossParts, negatives_mask
from crcl_core.models import MatchingModel
from crcl_core.training.augmentation import Augmentation
from crcl_core.training.config import Precision, TrainingConfig
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.objectives import BatchObjective, build_objective


class NotFiniteError(ArithmeticError):
    """A loss or gradient is not finite; the trainer adds where."""


@dataclass(frozen=True)
class StepLosses:
    """One step's losses as plain numbers; see `LossParts`."""

    active: float
    complementary: float
    total: float


@final
class TrainingStep:
    """Scores a batch, refines its labels, computes the loss and moves the weights.

    Args:
        config: Settings.
        bank: Features.
        device: Where the model lives.
        objective: What is minimised; what the settings say when it is left out.
    """

    def __init__(
        self, config: TrainingConfig, bank: FeatureBank, device: torch.device, objective: BatchObjective | None = None
    ) -> None:
        self._bank = bank
        self._gradient_clip = config.gradient_clip
        self._masks_siblings = config.mask_siblings
        self._device = device
        self._objective = objective or build_objective(
            config.objective,
            temperature=config.temperature,
            complementary_weight=config.complementary_weight,
            margin=config.margin,
        )
        self._augmentation = Augmentation.for_training(config, bank.vocabulary_size)
        self._has_bfloat16 = uses_bfloat16(config.precision, device)

    def train(
        self,
        model: MatchingModel,
        optimizer: torch.optim.Optimizer,
        labels: CorrespondenceLabels,
        pairs: Tensor,
        phase: RefinementPhase,
        random: torch.Generator,
    ) -> StepLosses:
        """Runs one step on a batch; changes the model, the optimiser and the labels.

        Args:
            model: In training mode, on the device.
            optimizer: Of its weights.
            labels: Of all pairs.
            pairs: (B,) int64.
            phase: What the epoch does to the labels.
            random: CPU generator of the augmentation.

        Raises:
            NotFiniteError: The loss or the gradient is not finite; the weights were not moved.
        """
        images, captions = self._augmentation(self._bank.image_rows(pairs), self._bank.caption_rows(pairs), random)
        with self._autocast():
            similarities = model(images, captions).float()  # (B, B): row = image, column = caption
        is_masked = negatives_mask(*self._bank.indices(pairs)) if self._masks_siblings else None
        parts = self._objective(similarities, is_masked, labels, pairs, phase)
        losses = _as_numbers(parts)
        optimizer.zero_grad(set_to_none=True)
        parts.total.backward()  # type: ignore[no-untyped-call]  # PyTorch leaves it without types
        norm = nn.utils.clip_grad_norm_(model.parameters(), self._gradient_clip)
        if not math.isfinite(float(norm)):
            raise NotFiniteError("the gradient")
        optimizer.step()
        return losses

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device.type, dtype=torch.bfloat16) if self._has_bfloat16 else nullcontext()


def uses_bfloat16(precision: Precision, device: torch.device) -> bool:
    """Whether a model computes in bfloat16 on that device."""
    if precision is not Precision.AUTO:
        return precision is Precision.BFLOAT16
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _as_numbers(parts: LossParts) -> StepLosses:
    losses = StepLosses(*(float(part) for part in torch.stack(parts).tolist()))
    if not math.isfinite(losses.total):
        raise NotFiniteError("the loss")
    return losses
