"""Stage `train`: CRCL on the features of a corpus version."""

import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.core.errors import JobFailedError
from crcl_core.detection import Findings, decoy_count, find_mismatches, plant_decoys
from crcl_core.training import EpochReport, TrainingConfig, save_model, train
from crcl_core.types import CheckpointError
from worker.stages.training_features import load_features
from worker.trainer import Spec, Tell

_STOPPED = 75  # the exit status by which programs say "try again later"


def train_corpus(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Train, and write `model.safetensors`, `labels.npz` and the embeddings.

    Args:
        spec: what `load_features` reads; `config` (those values of a TrainingConfig that do not follow from the model
            and the corpus's size), `method` (`default` plants decoys, `crcl` none), `fdr`, `has_joint_space`, `device`,
            `n_threads`, `checkpoints` (folder, may hold one to go on from), `out`.
        tell: gets an `epoch` message after each checkpoint.

    Returns:
        `r_sum`, `serving_epoch`, `n_epochs`, `round_epochs`; `n_words`, None where captions are vectors;
        `calibration`, see `_calibration`.

    Raises:
        SystemExit: it was asked to stop (SIGTERM), and did behind its next checkpoint.
        JobFailedError: the configuration or the features cannot be trained on.
    """
    is_asked = _stop_when_asked()
    torch.set_num_threads(max(int(spec["n_threads"]), 1))
    features, vocabulary = load_features(spec)
    try:
        config = TrainingConfig.for_corpus(features.n_pairs, features.n_images, **spec["config"])
    except ValueError as error:
        raise JobFailedError(f"the configuration cannot be trained with: {error}", code="invalid_config") from error
    planted = plant_decoys(features, decoy_count(features.n_pairs) if spec["method"] == "default" else 0, config.seed)
    folder = Path(spec["checkpoints"])

    def on_epoch(report: EpochReport) -> None:
        tell({"kind": "epoch", "report": report.to_json(), "checkpoint": _newest(folder)})
        if is_asked.is_set():
            raise SystemExit(_STOPPED)

    options = {"has_joint_space": spec["has_joint_space"], "device": spec["device"], "on_epoch": on_epoch}
    try:
        result = train(planted.features, config, checkpoint_folder=folder, **options)
    except CheckpointError as error:
        # Of another configuration or code, or damaged: the work starts over rather than fails.
        tell({"kind": "checkpoint_refused", "detail": str(error)})
        for path in folder.iterdir():
            path.unlink()
        result = train(planted.features, config, checkpoint_folder=folder, **options)
    out = Path(spec["out"])
    save_model(out / "model.safetensors", result.model, result.spec, vocabulary=vocabulary, config=config)
    findings = find_mismatches(result.shadow_labels, features.n_pairs, seed=config.seed)
    np.savez(
        out / "labels.npz",
        labels=result.labels[: features.n_pairs],
        shadow_labels=result.shadow_labels[: features.n_pairs],
        history=result.label_history[:, : features.n_pairs],
        correspondence=findings.correspondence,
        rank_score=findings.rank_score,
    )
    np.save(out / "image_embeddings.npy", result.image_embeddings)
    np.save(out / "caption_embeddings.npy", result.caption_embeddings)
    return {
        "r_sum": result.r_sum,
        "serving_epoch": result.serving_epoch,
        "n_epochs": len(result.reports),
        "round_epochs": list(config.round_epochs),
        "n_words": None if vocabulary is None else len(vocabulary.words),
        "calibration": _calibration(findings, spec["fdr"]),
    }


def _calibration(findings: Findings, fdr: float) -> dict[str, Any]:  # Any: JSON
    """What the decoys say of the corpus as a whole; the rate is None where they say nothing."""
    rate = None if findings.calibration is None else findings.calibration.rate
    return {
        "is_calibrated": findings.is_calibrated,
        "n_decoys": findings.n_decoys,
        "noise_rate": None if rate is None else rate.rate,
        "noise_rate_low": None if rate is None else rate.low,
        "noise_rate_high": None if rate is None else rate.high,
        "reliability": findings.reliability.value,
        "reliability_reason": None if findings.reason is None else findings.reason.value,
        "fdr": fdr,
        "threshold": findings.default_threshold(fdr),
    }


def _stop_when_asked() -> threading.Event:
    is_asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: is_asked.set())
    return is_asked


def _newest(folder: Path) -> str | None:
    """The name of the newest checkpoint: names sort by epoch."""
    return max((path.name for path in folder.glob("*.safetensors")), default=None)
