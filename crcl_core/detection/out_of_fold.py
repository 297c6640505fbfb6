"""Self-refining with out-of-fold labels: every pair is judged by models that never saw it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from crcl_core.detection.decoys import PlantedDecoys
from crcl_core.detection.fold_unit import FoldUnit
from crcl_core.detection.folds import split_into_folds
from crcl_core.detection.held_out import HeldOutEmbeddings
from crcl_core.detection.pool_posterior import log_posteriors
from crcl_core.seeding import numpy_generator
from crcl_core.training import TrainingConfig, embed_captions, embed_images, train_on_labels
from crcl_core.types import DoubleArray, FloatArray

N_FOLDS = 3
_POOL_PAIRS = 2_000
# SCC's momentum of 0.8 is meant for a dozen epochs a round; here a round corrects a label once.
_MOMENTUM = 0.5


@final
@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What out-of-fold self-refining found of N pairs and M decoys.

    Attributes:
        log_posteriors: (rounds, 2, N + M) float64, 0 or less: image to caption and caption to image, by round.
        labels: (N + M,) in [0, 1], the labels that its last round led to.
        held_out: The corpus by the last round's models; its folds are of pairs and decoys.
        unit: What the folds kept together.
    """

    log_posteriors: DoubleArray
    labels: DoubleArray
    held_out: HeldOutEmbeddings
    unit: FoldUnit

    @property
    def score(self) -> DoubleArray:
        """(N + M,) float64, 0 or less, low = bad: the mean over rounds and directions."""
        mean: DoubleArray = self.log_posteriors.mean(axis=(0, 1))
        return mean


def refine_out_of_fold(
    planted: PlantedDecoys,
    labels: DoubleArray,
    config: TrainingConfig,
    *,
    unit: FoldUnit,
    n_rounds: int,
    has_joint_space: bool = False,
    device: str | torch.device = "cpu",
    on_model: Callable[[int, int], None] | None = None,
) -> OutOfFold:
    """Goes on refining labels with estimates of models that never saw the pair.

    Each round trains one model a fold, on all pairs outside it and under the labels so far. Its estimate of a pair is
    the matching probability among a pool of 2,000 pairs, both directions averaged, and moves the label half way.

    Args:
        planted: The corpus and its decoys.
        labels: (N + M,) in [0, 1], where to start: those of CRCL.
        config: Of the run; a model's training is its first round.
        unit: What the folds keep together.
        n_rounds: How many rounds, 1 or more.
        has_joint_space: Whether the encoder puts both modalities into one space.
        device: Where to train.
        on_model: Called after each model with how many are done and how many there will be.

    Raises:
        ValueError: The model compares pair by pair.
        DivergedError: A loss was not finite, twice.

    Source: the label's correction is SCC's (CRCL, NeurIPS 2023); that the estimates are out of fold is ours.
    """
    features = planted.features
    fold = split_into_folds(planted, N_FOLDS, unit, seed=config.seed)
    labels = labels.astype(np.float64)
    found = np.zeros((n_rounds, 2, features.n_pairs))
    images: list[FloatArray] = []
    captions: list[FloatArray] = []
    for round_number in range(n_rounds):
        images, captions = [], []
        for number in range(N_FOLDS):
            stream = ("out of fold", round_number, number)
            inside = np.flatnonzero(fold == number)
            outside = np.flatnonzero(fold != number)
            model = train_on_labels(
                features, labels, outside, config, stream=stream, has_joint_space=has_joint_space, device=device
            )
            images.append(embed_images(model, features.image_features, device=device).astype(np.float16))
            captions.append(embed_captions(model, features.caption_features, device=device).astype(np.float16))
            # Pairs alone: a decoy's image and caption would be in the pool twice.
            pool = numpy_generator(config.seed, *stream, "pool").permutation(planted.n_pairs)[:_POOL_PAIRS]
            found[round_number][:, inside] = log_posteriors(
                images[-1], captions[-1], features, inside, pool, temperature=config.temperature
            )
            if on_model is not None:
                on_model(round_number * N_FOLDS + number + 1, n_rounds * N_FOLDS)
        estimates = np.exp(found[round_number]).mean(axis=0)
        labels = _MOMENTUM * labels + (1 - _MOMENTUM) * estimates
    return OutOfFold(found, labels, HeldOutEmbeddings(np.stack(images), np.stack(captions), fold), unit)
