"""One training step of CRCL."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase, estimate
from crcl_core.losses import ActiveComplementaryLoss, LossParts, negatives_mask
from crcl_core.models import MatchingHeads
from crcl_core.training.config import TrainingConfig
from crcl_core.training.feature_bank import FeatureBank


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
    """Embeds a batch, refines its labels, computes the loss and moves the weights.

    Args:
        config: Settings.
        bank: Features.
        device: Where the heads live.
    """

    def __init__(self, config: TrainingConfig, bank: FeatureBank, device: torch.device) -> None:
        self._config = config
        self._bank = bank
        self._device = device
        self._loss = ActiveComplementaryLoss(
            temperature=config.temperature, complementary_weight=config.complementary_weight
        )
        self._has_bfloat16 = (
            config.precision == "auto"
            and device.type == "cuda"
            and torch.cuda.is_bf16_supported(including_emulation=False)
        )

    def train(
        self,
        heads: MatchingHeads,
        optimizer: torch.optim.Optimizer,
        labels: CorrespondenceLabels,
        pairs: Tensor,
        phase: RefinementPhase,
    ) -> StepLosses:
        """Runs one step on a batch; changes the heads, the optimiser and the labels.

        Raises:
            NotFiniteError: The loss or the gradient is not finite; the weights were not moved.
        """
        similarities, is_masked = self._similarities(heads, pairs)
        estimates = estimate(similarities, self._config.temperature, is_masked)
        batch_labels = labels.update(pairs, estimates, phase).to(self._device, torch.float32)
        parts = self._loss(similarities, batch_labels, is_masked)
        losses = _as_numbers(parts)
        optimizer.zero_grad(set_to_none=True)
        parts.total.backward()
        norm = nn.utils.clip_grad_norm_(heads.parameters(), self._config.gradient_clip)
        if not math.isfinite(float(norm)):
            raise NotFiniteError("the gradient")
        optimizer.step()
        return losses

    def _similarities(self, heads: MatchingHeads, pairs: Tensor) -> tuple[Tensor, Tensor]:
        with self._autocast():
            images, captions = heads(self._bank.image_rows(pairs), self._bank.caption_rows(pairs))
        is_masked = negatives_mask(*self._bank.indices(pairs))
        # Outside autocast: at temperature 0.05 the rounding of bfloat16 would move a probability by some percent.
        return images.float() @ captions.float().t(), is_masked  # (B, B): row = image, column = caption

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device.type, dtype=torch.bfloat16) if self._has_bfloat16 else nullcontext()


def _as_numbers(parts: LossParts) -> StepLosses:
    losses = StepLosses(*(float(part) for part in torch.stack(parts).tolist()))
    if not math.isfinite(losses.total):
        raise NotFiniteError("the loss")
    return losses
