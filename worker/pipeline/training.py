"""Phase `train`: CRCL in a process of its own, a checkpoint an epoch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.core.models import RunPhase
from app.core.repositories.features import StoredFeatures
from app.core.run_config import RunConfig
from worker.pipeline.calibration import Calibration
from worker.pipeline.checkpoints import CheckpointKeeper
from worker.pipeline.comparing import BaseFindings
from worker.pipeline.features import caption_texts, fetch_features
from worker.pipeline.pair_list import PairList
from worker.pipeline.workspace import RunWork
from worker.supervisor import Message

# What a run's configuration shares with a training's. Where it says None, the value follows from model and corpus.
_SHARED = (
    "model",
    "round_epochs",
    "warmup_epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "temperature",
    "momentum",
    "label_floor",
    "complementary_weight",
    "dropout",
    "joint_dim",
    "word_dim",
    "seed",
)


@dataclass(frozen=True)
class Trained:
    """What a training left in the working folder: `labels.npz`, `model.safetensors`, embeddings, held-out embeddings.

    Attributes:
        calibration: what correspondence means in it.
        warmup_epochs: of each round, before the `round_epochs`.
        fold_unit: what the folds kept together, `pair` or `image`; None where nothing was judged out of fold.
        n_words: how many words of the captions the model knows; None where it reads caption vectors.
        n_threads: with how many threads it computed, in the attempt that began it as in those that went on with it.
    """

    folder: Path
    calibration: Calibration
    r_sum: float | None
    round_epochs: tuple[int, ...]
    warmup_epochs: int
    fold_unit: str | None
    n_words: int | None
    n_threads: int


def train_run(work: RunWork, features: StoredFeatures, pairs: PairList, base: BaseFindings | None) -> Trained:
    """Train, going on from the checkpoint that the job's row names.

    Pairs that an earlier run knows begin with what it found. The paper's own method begins every pair alike.

    Raises:
        JobFailedError: training diverged, or its input cannot be used.
        StageInterruptedError: its process died; the job may be tried again.
    """
    work.begin(RunPhase.TRAIN)
    keeper = CheckpointKeeper(work)
    keeper.restore()
    np.savez(work.folder / "pairs.npz", image_index=pairs.image_index, caption_index=pairs.caption_index)
    images, captions = fetch_features(work, features)
    initial_labels = None
    if base is not None and work.config.method != "crcl":
        initial_labels = work.folder / "initial_labels.npy"
        np.save(initial_labels, base.correspondence.astype(np.float64))
    result = work.run(
        "train",
        {
            "images": str(images),
            "captions": None if captions is None else str(captions),
            "texts": str(caption_texts(work)),
            "min_word_count": work.config.min_word_count,
            "pairs": str(work.folder / "pairs.npz"),
            "method": work.config.method,
            "fdr": work.config.fdr,
            "scorers": list(work.config.scorers),
            "config": training_settings(work.config),
            "initial_labels": None if initial_labels is None else str(initial_labels),
            "has_joint_space": features.joint_dim is not None,
            "checkpoints": str(keeper.folder),
            "out": str(work.folder),
            "n_threads": keeper.n_threads,
        },
        lambda message: _heard(work, keeper, message),
    )
    return Trained(
        folder=work.folder,
        calibration=Calibration(**result["calibration"]),
        r_sum=result["r_sum"],
        round_epochs=tuple(result["round_epochs"]),
        warmup_epochs=result["warmup_epochs"],
        fold_unit=result["fold_unit"],
        n_words=result["n_words"],
        n_threads=keeper.n_threads,
    )


def training_settings(config: RunConfig) -> dict[str, Any]:  # Any: JSON
    """Those settings of a training that a run chose; the others follow from the model and the corpus's size."""
    values = {name: getattr(config, name) for name in _SHARED}
    return {name: value for name, value in values.items() if value is not None}


def _heard(work: RunWork, keeper: CheckpointKeeper, message: Message) -> None:
    if message["kind"] == "fold_model":
        done = {"n_done": message["n_done"], "n_total": message["n_total"]}
        work.tell(RunPhase.TRAIN, message["share"], events={"fold_model": done})
        return
    if message["kind"] != "epoch":
        work.handle.event(message["kind"], {"detail": message["detail"]})
        return
    epoch = _epoch_event(message["report"])
    checkpoint = keeper.store(message["checkpoint"])
    events = {"epoch": epoch}
    if checkpoint is not None:
        events["checkpoint"] = {"step": checkpoint["step"]}
    work.tell(RunPhase.TRAIN, message["share"], events=events, metrics=epoch, checkpoint=checkpoint)
    keeper.forget_old()


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
