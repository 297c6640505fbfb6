"""Phase `train`: CRCL in a process of its own, a checkpoint an epoch."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.core.models import RunPhase
from app.core.repositories.features import StoredFeatures
from worker.pipeline.checkpoints import restore_checkpoint, store_checkpoint
from worker.pipeline.features import fetch_features
from worker.pipeline.pair_list import PairList
from worker.pipeline.settling import training_config
from worker.pipeline.workspace import RunWork
from worker.supervisor import Message


@dataclass(frozen=True)
class Trained:
    """What a training left in the working folder: `labels.npz`, `model.safetensors`, embeddings."""

    folder: Path
    r_sum: float | None
    round_epochs: tuple[int, ...]


def train_run(work: RunWork, features: StoredFeatures, pairs: PairList) -> Trained:
    """Train, going on from the checkpoint that the job's row names.

    Raises:
        JobFailedError: training diverged, or its input cannot be used.
        StageInterruptedError: its process died; the job may be tried again.
    """
    work.begin(RunPhase.TRAIN)
    checkpoints = work.folder / "checkpoints"
    restore_checkpoint(work, checkpoints)
    np.savez(work.folder / "pairs.npz", image_index=pairs.image_index, caption_index=pairs.caption_index)
    images, captions = fetch_features(work, features)
    config = training_config(work.config, n_pairs=len(pairs), n_images=work.version.n_images)
    result = work.run(
        "train",
        {
            "images": str(images),
            "captions": str(captions),
            "pairs": str(work.folder / "pairs.npz"),
            "config": dataclasses.asdict(config),
            "has_joint_space": features.joint_dim is not None,
            "checkpoints": str(checkpoints),
            "out": str(work.folder),
        },
        lambda message: _heard(work, checkpoints, message),
    )
    return Trained(work.folder, result["r_sum"], config.round_epochs)


def _heard(work: RunWork, checkpoints: Path, message: Message) -> None:
    if message["kind"] != "epoch":
        work.handle.event(message["kind"], {"detail": message["detail"]})
        return
    epoch = _epoch_event(message["report"])
    share = epoch["n_done"] / epoch["n_total"]
    named = store_checkpoint(work, checkpoints, message["checkpoint"])
    work.tell(RunPhase.TRAIN, share, metrics=epoch, checkpoint=named)
    work.handle.event("epoch", epoch)


def _epoch_event(report: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    return {
        "round": report["round"],
        "epoch": report["epoch"],
        "n_done": report["n_done_epochs"],
        "n_total": report["n_total_epochs"],
        "loss": {
            "active": report["active_loss"],
            "complementary": report["complementary_loss"],
            "total": report["total_loss"],
        },
        "label_histogram": report["label_histogram"],
        "r_sum": report["r_sum"],
        "seconds": report["seconds"],
    }
