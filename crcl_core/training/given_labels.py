"""A single training under labels that it leaves as they are."""

import dataclasses
from typing import final

import torch

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase
from crcl_core.data import PairFeatures
from crcl_core.models import EmbeddingModel
from crcl_core.seeding import stream_seed
from crcl_core.training.config import TrainingConfig
from crcl_core.training.epoch import EpochTraining
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.objectives import Objective
from crcl_core.training.schedule import epoch_positions
from crcl_core.training.state import fresh_round, model_spec
from crcl_core.types import DivergedError, DoubleArray, IntArray

_DIVERGED_SCALE = 0.5


def train_on_labels(
    features: PairFeatures,
    labels: DoubleArray,
    pairs: IntArray,
    config: TrainingConfig,
    *,
    stream: tuple[str | int, ...],
    has_joint_space: bool = False,
    device: str | torch.device = "cpu",
) -> EmbeddingModel:
    """Trains a fresh model on some of a corpus's pairs by the active complementary loss, for one round like the first.

    A loss that is not finite starts the training over once at half the rate.

    Args:
        features: The corpus.
        labels: (N,) in [0, 1]; those below `config.label_floor` count as 0.
        pairs: (n,) int64, the pairs to train on.
        config: Of a run; its first round and warm-up say how long this one takes. Its model must have embeddings.
        stream: Names the random streams beside the run's seed.
        has_joint_space: Whether the encoder puts both modalities into one space.
        device: Where to train.

    Returns:
        The model after its last epoch, in evaluation mode, on the device.

    Raises:
        ValueError: The model compares pair by pair, or the features are not what it reads.
        DivergedError: The loss was not finite, twice.
    """
    config = dataclasses.replace(
        config,
        objective=Objective.CRCL,
        round_epochs=(config.round_epochs[0] + config.warmup_epochs,),
        warmup_epochs=0,
        serving_lr_decay_epochs=None,
        seed=stream_seed(config.seed, *stream),
    )
    training = _Training(features, config, torch.device(device), has_joint_space=has_joint_space)
    try:
        return training.run(labels, pairs, rate_scale=1.0)
    except DivergedError:
        return training.run(labels, pairs, rate_scale=_DIVERGED_SCALE)


@final
class _Training:
    def __init__(
        self, features: PairFeatures, config: TrainingConfig, device: torch.device, *, has_joint_space: bool
    ) -> None:
        self._config = config
        self._spec = model_spec(config, features, has_joint_space=has_joint_space)
        self._device = device
        self._epoch = EpochTraining(config, FeatureBank(features, device), device)

    def run(self, given: DoubleArray, pairs: IntArray, *, rate_scale: float) -> EmbeddingModel:
        labels = CorrespondenceLabels(len(given), floor=self._config.label_floor)
        start = torch.from_numpy(given)
        labels.load_state_dict({"labels": start, "shadow_labels": start})
        model, optimizer = fresh_round(self._config, self._spec, 0, self._device)
        if not isinstance(model, EmbeddingModel):
            raise ValueError(f"model {self._config.model.value!r} compares pair by pair and has no embeddings")  # noqa: TRY004  # it is a setting's value that is refused
        for position in epoch_positions(self._config):
            for group in optimizer.param_groups:
                group["lr"] = position.learning_rate * rate_scale
            # Frozen: the loss takes the labels as they are, and they stay so.
            frozen = dataclasses.replace(position, phase=RefinementPhase.FROZEN)
            self._epoch.train(model, optimizer, labels, torch.from_numpy(pairs), frozen)
        return model.eval()
