"""From a corpus to its findings: decoys, CRCL, out-of-fold rounds, fusion, calibration."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
import torch

from crcl_core.data import PairFeatures
from crcl_core.detection.decoys import (
    MIN_DECOYS,
    N_NEAR_DECOYS,
    add_near_decoys,
    decoy_count,
    plant_decoy_images,
    plant_decoys,
)
from crcl_core.detection.findings import Findings, find_mismatches
from crcl_core.detection.fold_unit import FoldUnit, choose_fold_unit
from crcl_core.detection.held_out import HeldOutEmbeddings
from crcl_core.detection.initial_labels import initial_labels_with_decoys
from crcl_core.detection.out_of_fold import N_FOLDS, OutOfFold, refine_out_of_fold
from crcl_core.detection.terms import fused_image_score, fused_score
from crcl_core.training import EpochReport, TrainingConfig, TrainingResult, train
from crcl_core.types import DoubleArray

# Two rounds cost as much as CRCL's own training; a third moved AUROC by less than 0.001.
_N_ROUNDS = 2
_SETTLED_ROUNDS = 3
_LOOKS_WRONG = 0.5


def out_of_fold_epochs(config: TrainingConfig) -> float:
    """How much training follows CRCL's own, in epochs of the whole corpus."""
    n_epochs = config.round_epochs[0] + config.warmup_epochs
    return _N_ROUNDS * (N_FOLDS - 1) * float(n_epochs)


@final
@dataclass(frozen=True, eq=False)
class Detection:
    """What was found out about N pairs.

    Attributes:
        findings: Correspondence, and how far it can be trusted.
        training: CRCL's training, on the pairs and, behind them, the decoys.
        out_of_fold: The judgement of models that never saw the pair; None of the paper's plain method.
    """

    findings: Findings
    training: TrainingResult
    out_of_fold: OutOfFold | None

    def held_out(self) -> HeldOutEmbeddings | None:
        """The corpus by the last out-of-fold models, with the folds of its N pairs."""
        if self.out_of_fold is None:
            return None
        found = self.out_of_fold.held_out
        return HeldOutEmbeddings(found.images, found.captions, found.fold[: len(self.findings.correspondence)])


def detect_mismatches(
    features: PairFeatures,
    config: TrainingConfig,
    *,
    is_plain: bool = False,
    has_joint_space: bool = False,
    initial_labels: DoubleArray | None = None,
    device: str | torch.device = "cpu",
    checkpoint_folder: Path | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    on_model: Callable[[int, int], None] | None = None,
) -> Detection:
    """Trains CRCL, judges every pair by models that never saw it, and turns both into calibrated findings.

    Args:
        features: The corpus, two pairs or more.
        config: Settings; `TrainingConfig.for_corpus` suits them to the corpus.
        is_plain: The paper's method alone: no decoys, nothing out of fold; correspondence is the unfloored label.
        has_joint_space: Whether the encoder puts both modalities into one space.
        initial_labels: (N,) in [0, 1], the correspondence that an earlier detection gave these pairs, NaN = new ones.
        device: Where to train.
        checkpoint_folder: As for `train`; what follows CRCL's training keeps none.
        on_epoch: As for `train`.
        on_model: Called after each out-of-fold model with how many are done and how many there will be.

    Raises:
        ValueError, CheckpointError, DivergedError: As for `train`.
    """
    planted = plant_decoys(features, 0 if is_plain else decoy_count(features.n_pairs), config.seed)
    if planted.n_decoys >= MIN_DECOYS:
        planted = add_near_decoys(planted, N_NEAR_DECOYS, config.seed)
    training = train(
        planted.features,
        config,
        has_joint_space=has_joint_space,
        initial_labels=initial_labels_with_decoys(initial_labels, planted.n_decoys, config.seed),
        device=device,
        checkpoint_folder=checkpoint_folder,
        on_epoch=on_epoch,
    )
    labels, n_pairs = training.shadow_labels, features.n_pairs
    if is_plain:
        return Detection(find_mismatches(labels, n_pairs, seed=config.seed), training, None)
    judge = partial(
        refine_out_of_fold,
        config=config,
        n_rounds=_N_ROUNDS,
        has_joint_space=has_joint_space,
        device=device,
        on_model=on_model,
    )
    is_by_pair = choose_fold_unit(features.image_index, labels[:n_pairs]) is FoldUnit.PAIR
    if is_by_pair:
        found = judge(planted, training.labels, unit=FoldUnit.PAIR)
    else:
        planted = plant_decoy_images(features, planted.n_uniform, config.seed)
        found = judge(planted, _with_decoy_labels(training.labels[:n_pairs], planted.n_decoys), unit=FoldUnit.IMAGE)
    if planted.n_uniform < MIN_DECOYS:
        return Detection(find_mismatches(labels, n_pairs, seed=config.seed, is_planted=True), training, found)
    if is_by_pair:
        of_rounds = _labels_by_round(training, config)
        fused = fused_score(planted, labels, of_rounds, found, has_joint_space=has_joint_space, seed=config.seed)
    else:
        fused = fused_image_score(planted, found, has_joint_space=has_joint_space, seed=config.seed)
    findings = find_mismatches(
        fused.score, n_pairs, seed=config.seed, labels=labels, by_round=fused.by_round, n_near=planted.n_near
    )
    return Detection(findings, training, found)


def _with_decoy_labels(labels: DoubleArray, n_decoys: int) -> DoubleArray:
    """The labels (N + M,) to begin with where decoys were not in CRCL's training: like those of pairs that look wrong.

    What a decoy begins with does not reach its own score, which is by models that were trained without it.
    """
    looks_wrong = labels[labels < _LOOKS_WRONG]
    label = float(looks_wrong.mean()) if len(looks_wrong) else 0.0
    return np.concatenate((labels, np.full(n_decoys, label)))


def _labels_by_round(training: TrainingResult, config: TrainingConfig) -> DoubleArray:
    """The labels (rounds, N + M) at the end of the last rounds; the first ones have not settled yet."""
    ends = np.cumsum([config.warmup_epochs + n_epochs for n_epochs in config.round_epochs]) - 1
    by_round: DoubleArray = training.label_history[ends[-_SETTLED_ROUNDS:]].astype(np.float64)
    return by_round
