"""Short trainings, trainings that are killed, and what of a result must be the same to the bit."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from crcl_core.data import PairFeatures
from crcl_core.training import EpochReport, TrainingConfig, TrainingResult, train

# Two rounds with a warm-up epoch each: a training has a first round, a change of rounds and a serving model.
SHORT = TrainingConfig(
    round_epochs=(2, 2), warmup_epochs=1, batch_size=64, learning_rate=2e-3, joint_dim=16, dropout=0.3, seed=3
)
N_EPOCHS = 6

Bits = dict[str, Any]  # Any: bytes of arrays beside plain values.


class KilledError(Exception):
    """Stands in for the signal that ends a training."""


def killer(n_done: int) -> Callable[[EpochReport], None]:
    """Makes an `on_epoch` that ends the training after so many epochs."""

    def kill(report: EpochReport) -> None:
        if report.n_done_epochs == n_done:
            raise KilledError

    return kill


def train_until(n_done: int, features: PairFeatures, config: TrainingConfig, folder: Path) -> None:
    """Trains with checkpoints and is killed after so many epochs."""
    try:
        train(features, config, checkpoint_folder=folder, on_epoch=killer(n_done))
    except KilledError:
        return
    raise AssertionError(f"the training ended before epoch {n_done}")


def bits(result: TrainingResult) -> Bits:
    """Everything of a result but the wall times, in a form that `==` compares to the bit."""
    arrays = ["labels", "shadow_labels", "label_history", "is_held_out"]
    if result.embeddings is not None:
        arrays += ["image_embeddings", "caption_embeddings"]
    return {
        **{name: getattr(result, name).tobytes() for name in arrays},
        **{f"model/{name}": value.numpy().tobytes() for name, value in result.model.state_dict().items()},
        "reports": [dataclasses.replace(report, seconds=0.0) for report in result.reports],
        "serving_epoch": result.serving_epoch,
        "learning_rate_scale": result.learning_rate_scale,
    }


def break_weights(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """Makes a weight infinite after the given steps, counted over the whole training and including repeated ones."""
    n_done = 0
    step = torch.optim.AdamW.step

    def broken_step(optimizer: torch.optim.AdamW) -> None:
        nonlocal n_done
        step(optimizer)
        if n_done in steps:
            with torch.no_grad():
                optimizer.param_groups[0]["params"][0].fill_(torch.inf)
        n_done += 1

    monkeypatch.setattr(torch.optim.AdamW, "step", broken_step)
