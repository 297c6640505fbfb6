"""Stage `train`: CRCL on the features of a corpus version."""

import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.core.errors import JobFailedError
from crcl_core.data import PairFeatures
from crcl_core.detection import (
    Detection,
    Findings,
    detect_mismatches,
    encoder_similarity,
    lemon_score,
    out_of_fold_epochs,
)
from crcl_core.training import EpochReport, TrainingConfig, save_model
from crcl_core.types import CheckpointError, FloatArray
from worker.stages.training_features import load_features
from worker.trainer import Spec, Tell

_HISTOGRAM_BINS = 20
_STOPPED = 75  # the exit status by which programs say "try again later"


def train_corpus(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Train and judge, and write `model.safetensors`, `labels.npz`, `trajectories.f16` and the embeddings.

    Args:
        spec: what `load_features` reads; `config` (those values of a TrainingConfig that do not follow from the model
            and the corpus's size), `method` (`crcl` is the paper's alone), `fdr`, `scorers`, `has_joint_space`,
            `initial_labels` (a file of what an earlier run found, float64 with NaN for new pairs, or None),
            `device`, `n_threads`, `checkpoints` (folder, may hold one to go on from), `out`.
        tell: gets an `epoch` message after each checkpoint and a `fold_model` message after each out-of-fold model,
            both with the `share` of the stage that is done.

    Returns:
        `r_sum`, `serving_epoch`, `n_epochs`, `round_epochs`; `n_words`, None where captions are vectors;
        `calibration`, see `_calibration`; `fold_unit`, `pair` or `image`, None where nothing was judged out of fold.

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
    folder = Path(spec["checkpoints"])

    n_later_epochs = 0.0 if spec["method"] == "crcl" else out_of_fold_epochs(config)
    share_of_crcl = config.n_total_epochs / (config.n_total_epochs + n_later_epochs)

    def on_epoch(report: EpochReport) -> None:
        share = share_of_crcl * report.n_done_epochs / report.n_total_epochs
        tell({"kind": "epoch", "report": report.to_json(), "checkpoint": _newest(folder), "share": share})
        if is_asked.is_set():
            raise SystemExit(_STOPPED)

    def on_model(n_done: int, n_total: int) -> None:
        share = share_of_crcl + (1 - share_of_crcl) * n_done / n_total
        tell({"kind": "fold_model", "n_done": n_done, "n_total": n_total, "share": share})
        if is_asked.is_set():
            raise SystemExit(_STOPPED)

    options = {
        "is_plain": spec["method"] == "crcl",
        "has_joint_space": spec["has_joint_space"],
        "initial_labels": None if spec.get("initial_labels") is None else np.load(spec["initial_labels"]),
        "device": spec["device"],
        "checkpoint_folder": folder,
        "on_epoch": on_epoch,
        "on_model": on_model,
    }
    try:
        detection = detect_mismatches(features, config, **options)
    except CheckpointError as error:
        # Of another configuration or code, or damaged: the work starts over rather than fails.
        tell({"kind": "checkpoint_refused", "detail": str(error)})
        for path in folder.iterdir():
            path.unlink()
        detection = detect_mismatches(features, config, **options)
    scores = _other_scores(spec, features, detection)
    _write(Path(spec["out"]), detection, scores, features.n_pairs)
    result = detection.training
    save_model(Path(spec["out"]) / "model.safetensors", result.model, result.spec, vocabulary=vocabulary, config=config)
    return {
        "r_sum": result.r_sum,
        "serving_epoch": result.serving_epoch,
        "n_epochs": len(result.reports),
        "round_epochs": list(config.round_epochs),
        "warmup_epochs": config.warmup_epochs,
        "n_words": None if vocabulary is None else len(vocabulary.words),
        "calibration": _calibration(detection.findings, spec["fdr"]),
        "fold_unit": None if detection.out_of_fold is None else detection.out_of_fold.unit.value,
    }


def _other_scores(spec: Spec, features: PairFeatures, detection: Detection) -> dict[str, FloatArray]:
    """What the other scorers say that the run asks for and that its features allow."""
    training, scores = detection.training, {}
    has_vectors = features.n_regions is None and not features.has_tokens
    if "lemon" in spec["scorers"] and has_vectors:
        scores["lemon"] = lemon_score(features, training.image_embeddings, training.caption_embeddings)
    if "similarity" in spec["scorers"] and has_vectors and spec["has_joint_space"]:
        scores["similarity"] = encoder_similarity(features, has_joint_space=True)
    return {name: score.astype(np.float32) for name, score in scores.items()}


def _write(out: Path, detection: Detection, scores: dict[str, FloatArray], n_pairs: int) -> None:
    """Write what was found; decoys are in none of it."""
    result, findings = detection.training, detection.findings
    if findings.low is not None and findings.high is not None:
        scores = {**scores, "low": findings.low, "high": findings.high}
    np.savez(
        out / "labels.npz",
        labels=result.labels[:n_pairs],
        shadow_labels=result.shadow_labels[:n_pairs],
        history=result.label_history[:, :n_pairs],
        correspondence=findings.correspondence,
        rank_score=findings.rank_score,
        **scores,  # type: ignore[arg-type]  # mypy takes them for allow_pickle
    )
    # The epochs of a pair side by side, so that the service reads one pair's with one short read.
    np.ascontiguousarray(result.label_history[:, :n_pairs].T).astype("<f2").tofile(out / "trajectories.f16")
    np.save(out / "image_embeddings.npy", result.image_embeddings)
    np.save(out / "caption_embeddings.npy", result.caption_embeddings)
    held_out = detection.held_out()
    if held_out is not None:
        held_out.save(out)


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
        "near_decoy_histogram": _histogram(findings.near_decoys),
    }


def _histogram(correspondence: FloatArray | None) -> list[int] | None:
    if correspondence is None or not len(correspondence):
        return None
    counts, _ = np.histogram(correspondence, bins=_HISTOGRAM_BINS, range=(0.0, 1.0))
    return [int(count) for count in counts]


def _stop_when_asked() -> threading.Event:
    is_asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: is_asked.set())
    return is_asked


def _newest(folder: Path) -> str | None:
    """The name of the newest checkpoint: names sort by epoch."""
    return max((path.name for path in folder.glob("*.safetensors")), default=None)
