"""Trains the models of a row, resumably, and measures them on the test split once they are chosen."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from crcl_core.encoders import Encoder
from crcl_core.models import ModelKind
from crcl_core.paper.benchmark import PaperDataset, PaperModel
from crcl_core.paper.data import PaperData, read_paper_data
from crcl_core.paper.figures import detection_figures, mean_scores, retrieval_figures, score_split
from crcl_core.paper.progress import ProgressDisplay, ProgressStep
from crcl_core.paper.result import PaperResult, PaperRow
from crcl_core.paper.row_features import RowFeatures, head_features, word_features
from crcl_core.paper.settings import PaperSettings
from crcl_core.paper.training_noise import NoiseProtocol, TrainingNoise, save_training_noise, training_noise
from crcl_core.training import EpochReport, TrainingConfig, TrainingResult, save_model, train

NOISE_FILE = "noise_index.npy"
_PLANTED = (NoiseProtocol.CAPTION_LEVEL, NoiseProtocol.IMAGE_LEVEL, NoiseProtocol.OTHER)


@final
@dataclass(frozen=True, kw_only=True)
class PaperRun:
    """One row to fill.

    Attributes:
        dataset: Of the row.
        model: Of the row.
        data: The folder that holds `{dataset}_precomp`, or that folder itself.
        out: Folder of checkpoints, models, labels and the noise; an interrupted run goes on from there.
        settings: Of `load_settings`, changed or not.
        noise_ratio: Share of the training captions to exchange; None = 0, or what the index file says.
        noise_seed: Of the exchange.
        noise_index: A file of NCR (and CRCL) or DECL, which decides instead.
        seed: Of the training.
        device: Where to train and score.
        load_caption_encoder: Gives the encoder of the captions for heads; not called for other models.
    """

    dataset: PaperDataset
    model: PaperModel
    data: Path
    out: Path
    settings: PaperSettings
    load_caption_encoder: Callable[[], Encoder]
    noise_ratio: float | None = None
    noise_seed: int = 1234
    noise_index: Path | None = None
    seed: int = 0
    device: str = "cpu"


def run_paper(run: PaperRun, progress: ProgressDisplay) -> PaperResult:
    """Fills a row of the paper's table.

    Each model is chosen by the trainer, on pairs of the training split that its last round leaves out. The test split
    is read at the start, so that a fault in it does not show after days, and scored at the end.

    Raises:
        FileNotFoundError: Files of the data set or the noise index are missing.
        ValueError: A setting is out of range, or a file is not what it should be.
        CheckpointError: `out` holds another training.
        DivergedError: A loss or a gradient was not finite, twice.
    """
    started_at = time.monotonic()
    # First: a setting that is out of range should not wait for gigabytes to be read.
    configs = {kind: run.settings.training_config(kind, run.seed) for kind in run.model.kinds}
    with progress.step(f"reading {run.dataset.value}"):
        data = read_paper_data(run.data, run.dataset)
        noise = training_noise(
            data.train, run.dataset, ratio=run.noise_ratio, seed=run.noise_seed, index_file=run.noise_index
        )
    run.out.mkdir(parents=True, exist_ok=True)
    if noise.protocol in _PLANTED:
        save_training_noise(run.out / NOISE_FILE, data.train, noise)
    features = _features(run, data, noise, progress)
    trained = {kind: _trained(run, kind, config, features, progress) for kind, config in configs.items()}
    return PaperResult(
        dataset=run.dataset,
        model=run.model,
        settings=run.settings,
        noise=noise,
        noise_seed=run.noise_seed if noise.protocol in _PLANTED and run.noise_index is None else None,
        seed=run.seed,
        n_pairs=features.train.n_pairs,
        n_held_out=int(next(iter(trained.values())).is_held_out.sum()),
        official_vocabulary=features.official_vocabulary,
        rows=_rows(run, trained, noise, features, progress),
        seconds=time.monotonic() - started_at,
    )


def _features(run: PaperRun, data: PaperData, noise: TrainingNoise, progress: ProgressDisplay) -> RowFeatures:
    if run.model is PaperModel.HEADS:
        return head_features(data, noise, run.load_caption_encoder, run.out / "caption_vectors", progress)
    return word_features(data, noise, min_word_count=run.settings.min_word_count)


def _trained(
    run: PaperRun, kind: ModelKind, config: TrainingConfig, features: RowFeatures, progress: ProgressDisplay
) -> TrainingResult:
    folder = run.out / kind.value
    with progress.step(f"training {kind.value}, {config.n_total_epochs} epochs") as step:
        result = train(
            features.train,
            config,
            device=run.device,
            checkpoint_folder=folder / "checkpoints",
            on_epoch=lambda report: _show(step, report),
        )
    save_model(folder / "model.safetensors", result.model, result.spec, vocabulary=features.vocabulary, config=config)
    np.save(folder / "labels.npy", result.shadow_labels, allow_pickle=False)
    return result


def _show(step: ProgressStep, report: EpochReport) -> None:
    left_s = report.seconds * (report.n_total_epochs - report.n_done_epochs)
    epoch = f"round {report.round + 1} epoch {report.epoch + 1}"
    note = f"{epoch}, loss {report.total_loss:.4f}, about {left_s:.0f} s left"
    step.update(report.n_done_epochs / report.n_total_epochs, note)


def _rows(
    run: PaperRun,
    trained: dict[ModelKind, TrainingResult],
    noise: TrainingNoise,
    features: RowFeatures,
    progress: ProgressDisplay,
) -> tuple[PaperRow, ...]:
    """One row a model, and behind them that of their ensemble if there are several."""
    with progress.step(f"scoring {run.dataset.test_split}"):
        scores = {kind: score_split(each.model, features.test, device=run.device) for kind, each in trained.items()}
    labels = {PaperModel(kind.value): result.shadow_labels for kind, result in trained.items()}
    scored = {PaperModel(kind.value): of_kind for kind, of_kind in scores.items()}
    if len(trained) > 1:
        labels[run.model] = np.mean(list(labels.values()), axis=0)
        scored[run.model] = mean_scores(list(scores.values()))
    return tuple(
        PaperRow(
            model=model,
            retrieval=retrieval_figures(of_model, run.dataset),
            detection=detection_figures(labels[model], noise.is_mismatch),
        )
        for model, of_model in scored.items()
    )
