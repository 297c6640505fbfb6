"""Trains one arm of a certificate and measures it on the held-out pairs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from crcl_core.certification.config import CertificationConfig
from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase
from crcl_core.data import PairFeatures
from crcl_core.evaluation import RetrievalMetrics, weighted_recall_of_embeddings
from crcl_core.models import EmbeddingModel
from crcl_core.seeding import generator, numpy_generator
from crcl_core.training import TrainingConfig, embed_captions, embed_images
from crcl_core.training.batches import near_equal_batches
from crcl_core.training.epoch import EpochTraining
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.schedule import EpochPosition
from crcl_core.training.state import fresh_round, model_spec
from crcl_core.types import DoubleArray, FloatArray, IntArray

_DECAY = 0.1


@final
@dataclass(frozen=True)
class ArmRecalls:
    """How an arm retrieves held-out pairs.

    Attributes:
        final: At the end of the training, every held-out pair counting alike.
        weighted: The same model, each pair counting by its weight.
        r_sum_by_epoch: r_sum after each epoch, every pair counting alike.
    """

    final: RetrievalMetrics
    weighted: RetrievalMetrics
    r_sum_by_epoch: tuple[float, ...]


@final
@dataclass(frozen=True, eq=False)
class HeldOut:
    """The pairs that no arm trains on, with only their own images and captions competing.

    Attributes:
        image_rows: (I,) int64, rows of the features.
        caption_rows: (C,) int64.
        image_index: (n,) int64, rows of `image_rows`.
        caption_index: (n,) int64.
        weights: (n,) float64, 0 or more.
    """

    image_rows: IntArray
    caption_rows: IntArray
    image_index: IntArray
    caption_index: IntArray
    weights: DoubleArray

    @classmethod
    def of(cls, features: PairFeatures, pairs: IntArray, weights: DoubleArray) -> "HeldOut":
        """Gathers the images and captions of the pairs (n,); `weights` is theirs."""
        image_rows, image_index = np.unique(features.image_index[pairs], return_inverse=True)
        caption_rows, caption_index = np.unique(features.caption_index[pairs], return_inverse=True)
        return cls(image_rows, caption_rows, image_index, caption_index, weights)

    def recall(self, images: FloatArray, captions: FloatArray, weights: DoubleArray | None = None) -> RetrievalMetrics:
        """Recall of embeddings (I, J) and (C, J) of these rows; without weights every pair counts alike."""
        counting = np.ones(len(self.image_index)) if weights is None else weights
        return weighted_recall_of_embeddings(images, captions, self.image_index, self.caption_index, counting)


@final
class ArmTraining:
    """Trains arms by one recipe: the same model, first weights, number of steps, batch size and rates.

    Args:
        features: The corpus.
        config: Settings of the certificate.
        has_joint_space: Whether the encoder puts both modalities into one space.
        device: Where to train.
    """

    def __init__(
        self, features: PairFeatures, config: CertificationConfig, *, has_joint_space: bool, device: str | torch.device
    ) -> None:
        self._features = features
        self._config = config
        self._has_joint_space = has_joint_space
        self._device = torch.device(device)
        # One for all arms: features may be as large as memory.
        self._bank = FeatureBank(features, self._device)

    @property
    def n_epochs(self) -> int:
        """Epochs of every arm."""
        return self._config.recipe(self._features, 0).n_total_epochs

    def n_steps(self, n_seen: int) -> int:
        """Optimiser steps of an epoch that sees so many pairs."""
        pairs = torch.arange(n_seen)
        return len(near_equal_batches(pairs, self._config.batch_size, generator(0, "certificate", "count")))

    def train(
        self, pairs: IntArray, held_out: HeldOut, *, n_seen: int, seed: int, on_epoch: Callable[[], None]
    ) -> ArmRecalls:
        """Trains on an arm's pairs.

        Args:
            pairs: (n,) int64.
            held_out: What to measure on.
            n_seen: Pairs of an epoch. An arm with fewer begins its next pass within the epoch, so that arms of
                different size take the same number of steps.
            seed: Of the first weights, the order and the dropout.
            on_epoch: Called after each epoch.

        Raises:
            DivergedError: A loss or a gradient was not finite.
        """
        recipe = self._config.recipe(self._features, seed)
        spec = model_spec(recipe, self._features, has_joint_space=self._has_joint_space)
        model, optimizer = fresh_round(recipe, spec, 0, self._device)
        assert isinstance(model, EmbeddingModel)
        epochs = EpochTraining(recipe, self._bank, self._device)
        # All 1, and the objective leaves them: a buyer's training takes every pair for a match.
        labels = CorrespondenceLabels(self._features.n_pairs, momentum=recipe.momentum, floor=recipe.label_floor)
        seen = _passes(pairs, n_seen, seed)
        r_sums = []
        for position in _positions(recipe, self._config.decay_ratio):
            for group in optimizer.param_groups:
                group["lr"] = position.learning_rate
            epochs.train(model, optimizer, labels, torch.from_numpy(next(seen)), position)
            embedded = self._embed(model, held_out)
            r_sums.append(held_out.recall(*embedded).r_sum)
            on_epoch()
        weighted = held_out.recall(*embedded, held_out.weights)
        return ArmRecalls(held_out.recall(*embedded), weighted, tuple(r_sums))

    def _embed(self, model: EmbeddingModel, held_out: HeldOut) -> tuple[FloatArray, FloatArray]:
        return (
            embed_images(model, self._features.image_features, rows=held_out.image_rows, device=self._device),
            embed_captions(model, self._features.caption_features, rows=held_out.caption_rows, device=self._device),
        )


def _passes(pairs: IntArray, n_seen: int, seed: int) -> Iterator[IntArray]:
    """Endless blocks of `n_seen` pairs from pass after pass over them, each pass in an order of its own."""
    left = pairs[:0]
    n_passes = 0
    while True:
        while len(left) < n_seen:
            order = numpy_generator(seed, "certificate", "pass", n_passes).permutation(len(pairs))
            left = np.concatenate([left, pairs[order]])
            n_passes += 1
        yield left[:n_seen]
        left = left[n_seen:]


def _positions(recipe: TrainingConfig, decay_ratio: float) -> list[EpochPosition]:
    n_epochs = recipe.n_total_epochs
    n_full = n_epochs - round(decay_ratio * n_epochs)
    return [
        EpochPosition(
            round=0,
            epoch=epoch,
            n_done=epoch,
            is_last_round=True,
            phase=RefinementPhase.FROZEN,
            learning_rate=recipe.learning_rate * (1.0 if epoch < n_full else _DECAY),
        )
        for epoch in range(n_epochs)
    ]
