"""One epoch of training: every pair once, in near-equal batches."""

from typing import final

import numpy as np
import torch
from torch import Tensor

from crcl_core.correspondence import CorrespondenceLabels
from crcl_core.models import MatchingModel
from crcl_core.seeding import generator, seeded_layers
from crcl_core.training.batches import near_equal_batches
from crcl_core.training.config import TrainingConfig
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.objectives import BatchObjective
from crcl_core.training.schedule import EpochPosition
from crcl_core.training.step import NotFiniteError, StepLosses, TrainingStep
from crcl_core.types import DivergedError


@final
class EpochTraining:
    """Trains a model for an epoch; its random streams follow from the seed and the epoch's position alone.

    Args:
        config: Settings.
        bank: Features.
        device: Where the model lives.
        objective: What is minimised; what the settings say when it is left out.
    """

    def __init__(
        self, config: TrainingConfig, bank: FeatureBank, device: torch.device, objective: BatchObjective | None = None
    ) -> None:
        self._batch_size = config.batch_size
        self._seed = config.seed
        self._device = device
        self._step = TrainingStep(config, bank, device, objective)

    def train(
        self,
        model: MatchingModel,
        optimizer: torch.optim.Optimizer,
        labels: CorrespondenceLabels,
        pairs: Tensor,
        position: EpochPosition,
    ) -> StepLosses:
        """Runs the epoch; changes the model, the optimiser and the labels.

        Args:
            model: On the device; left in training mode.
            optimizer: Of its weights, at the epoch's learning rate.
            labels: Of all pairs.
            pairs: (n,) int64, the pairs to train on.
            position: Which epoch it is.

        Returns:
            Means over the pairs.

        Raises:
            DivergedError: A loss, a gradient or a weight is not finite.
        """
        stream = ("epoch", position.round, position.epoch)
        batches = near_equal_batches(pairs, self._batch_size, generator(self._seed, *stream, "order"))
        random = generator(self._seed, *stream, "augmentation")
        model.train()
        sums = np.zeros(3)
        with seeded_layers(self._device, self._seed, *stream, "dropout"):
            for number, batch in enumerate(batches):
                try:
                    losses = self._step.train(model, optimizer, labels, batch, position.phase, random)
                except NotFiniteError as error:
                    raise DivergedError(position.round, position.epoch, number, str(error)) from error
                sums += len(batch) * np.array([losses.active, losses.complementary, losses.total])
        _require_finite_weights(model, position, max(0, len(batches) - 1))
        return StepLosses(*(float(value) for value in sums / max(1, len(pairs))))


def _require_finite_weights(model: MatchingModel, position: EpochPosition, last_step: int) -> None:
    # Else the last step of an epoch could put weights into a checkpoint that no going back recovers from. Any step
    # before it would have shown in the next one's loss.
    if not all(bool(weight.isfinite().all()) for weight in model.parameters()):
        raise DivergedError(position.round, position.epoch, last_step, "a weight after the epoch")
