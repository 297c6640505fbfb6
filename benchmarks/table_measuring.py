"""Trains one cell of the tables and measures it."""

import time
from typing import Any

import numpy as np
from measuring import seconds_since
from retrieving import r_sum_on
from table_cells import Cell
from table_corpora import TableCorpora
from table_settings import training_config

from crcl_core.data import PairFeatures
from crcl_core.detection import lemon_score
from crcl_core.evaluation import auroc, average_precision, f1_at_true_rate, recall_at_k
from crcl_core.models import MatchingModel
from crcl_core.training import EpochReport, pair_similarities, similarity_matrix, train, train_ncr
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray

_N_WATCHED = 1_000

Result = dict[str, Any]  # Any: the values of a JSON object.


def measure(cell: Cell, corpora: TableCorpora) -> Result:
    """Train on the noisy train split; detection on it, retrieval on the clean dev split."""
    noisy, is_mismatch = corpora.noisy_train(cell)
    dev = corpora.clean_dev(cell)
    started_at = time.monotonic()
    score: FloatArray | DoubleArray
    if cell.method == "ncr":
        score, similarities = _ncr(cell, noisy, dev)
        found: Result = {"r_sum": recall_at_k(similarities, dev.image_index, dev.caption_index).r_sum}
    else:
        score, found = _trained(cell, noisy, is_mismatch, dev)
    return {**found, **_detection(score, is_mismatch), "seconds": seconds_since(started_at)}


def _trained(
    cell: Cell, noisy: PairFeatures, is_mismatch: BoolArray, dev: PairFeatures
) -> tuple[FloatArray | DoubleArray, Result]:
    watch = _Watch(noisy, np.flatnonzero(is_mismatch)) if cell.variant == "fitted" else None
    result = train(noisy, training_config(cell, noisy), inspect=watch)
    if cell.method == "crcl":
        score: FloatArray | DoubleArray = result.shadow_labels
    elif cell.method == "lemon":
        score = lemon_score(noisy, result.image_embeddings, result.caption_embeddings)
    else:
        score = pair_similarities(result.model, noisy)
    found: Result = {"r_sum": round(r_sum_on(dev, result.model), 1)}
    if cell.method == "crcl":
        found["auroc_of_similarity"] = _auroc(pair_similarities(result.model, noisy), is_mismatch)
    if watch is not None:
        found["fitted"] = watch.shares
    return score, found


def _ncr(cell: Cell, noisy: PairFeatures, dev: PairFeatures) -> tuple[DoubleArray, FloatArray]:
    result = train_ncr(noisy, training_config(cell, noisy))
    return result.scores, result.similarity_matrix(dev.image_features, dev.caption_features)


def _detection(score: FloatArray | DoubleArray, is_mismatch: BoolArray) -> Result:
    if not is_mismatch.any():
        return {"n_mismatches": 0}
    return {
        "n_mismatches": int(is_mismatch.sum()),
        "auroc": _auroc(score, is_mismatch),
        "average_precision": round(average_precision(score, is_mismatch), 4),
        "f1": round(f1_at_true_rate(score, is_mismatch), 4),
    }


def _auroc(score: FloatArray | DoubleArray, is_mismatch: BoolArray) -> float | None:
    return round(auroc(score, ~is_mismatch), 4) if is_mismatch.any() else None


class _Watch:
    """After each epoch: which share of the mismatched pairs does the model place first among a thousand others?"""

    def __init__(self, noisy: PairFeatures, mismatched: IntArray) -> None:
        watched = np.random.default_rng(0).permutation(mismatched)[:_N_WATCHED]
        self._images = noisy.image_features[noisy.image_index[watched]]
        self._captions = noisy.caption_features[noisy.caption_index[watched]]
        self.shares: list[float] = []

    def __call__(self, report: EpochReport, model: MatchingModel) -> None:
        del report
        similarities = similarity_matrix(model, self._images, self._captions)
        own = np.diagonal(similarities)
        is_fitted = (own >= similarities.max(axis=1)) | (own >= similarities.max(axis=0))
        self.shares.append(round(float(is_fitted.mean()), 4))
