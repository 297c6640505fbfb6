"""Images that may be the true ones of some captions, found block by block."""

from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection import HeldOutEmbeddings
from crcl_core.detection.cosines import unit_rows
from crcl_core.repair.held_out_scores import HeldOutScores
from crcl_core.repair.sibling_consensus import SiblingConsensus
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray

# Held-out score, hubness of the image, consensus of the trained and of the raw captions, and whether it has any.
N_SIGNS = 5
# About what is fitted on Flickr8k; it picks those that the fitted weights then order.
START_WEIGHTS: DoubleArray = np.array([1.0, -0.2, 0.3, 0.7, 0.0])
NOBODY = -1
_TEMPERATURE = 0.05
_ROWS_A_BLOCK, _IMAGES_A_BLOCK = 1_024, 4_096
_N_FOR_MEAN = 256


@final
@dataclass(frozen=True, eq=False)
class Candidates:
    """For each of n captions K images, those with the highest weighted signs.

    Attributes:
        rows: (n,) int64, the pairs that the captions are of.
        images: (n, K) int64; -1 where there are fewer.
        signs: (n, K, 5) float32; zeros where there is no image.
    """

    rows: IntArray
    images: IntArray
    signs: FloatArray


@final
class CandidateSearch:
    """Compares captions with images, never holding more than one block of comparisons.

    Args:
        features: The corpus.
        held_out: Its embeddings by models that each did not see a fold.
        scores: Of these embeddings.
        consensus: Of its images.
    """

    def __init__(
        self,
        features: PairFeatures,
        held_out: HeldOutEmbeddings,
        scores: HeldOutScores,
        consensus: SiblingConsensus,
    ) -> None:
        self._features = features
        self._held_out = held_out
        self._scores = scores
        self._consensus = consensus
        self._raw = None if features.has_tokens else _Unit(features.caption_features.astype(np.float32, copy=False))

    def find(self, rows: IntArray, images: IntArray, k: int, *, is_own_hidden: bool = False) -> Candidates:
        """Finds the k best of some images for the captions of some pairs.

        An image that a caption is paired with already is no candidate, be it in another pair with equal words.

        Args:
            rows: (n,) int64, the pairs.
            images: (m,) int64, distinct and ascending.
            k: How many.
            is_own_hidden: Look for each caption as if its own pair were unknown: its image is a candidate.
        """
        k = min(k, len(images))
        found = Candidates(rows, np.full((len(rows), k), NOBODY), np.zeros((len(rows), k, N_SIGNS), dtype=np.float32))
        best = np.full((len(rows), k), -np.inf)
        known = _KnownPairs(self._features)
        for model in range(self._held_out.n_folds):
            of_model = np.flatnonzero(self._held_out.fold[rows] == model)
            for start in range(0, len(images) if len(of_model) else 0, _IMAGES_A_BLOCK):
                block = _ImageBlock.read(
                    images[start : start + _IMAGES_A_BLOCK], self._held_out.captions[model], self._raw, self._consensus
                )
                for first in range(0, len(of_model), _ROWS_A_BLOCK):
                    places = of_model[first : first + _ROWS_A_BLOCK]
                    signs = self._signs(rows[places], block, model)  # (5, rows, images)
                    weighted = np.einsum("d,drm->rm", START_WEIGHTS.astype(np.float32), signs)
                    weighted[known.mask(rows[places], block.images, is_own_hidden=is_own_hidden)] = -np.inf
                    _merge(found, best, places, block.images, signs, weighted)
        return found

    def _signs(self, rows: IntArray, block: "_ImageBlock", model: int) -> FloatArray:
        captions = self._features.caption_index[rows]
        signs = np.zeros((N_SIGNS, len(rows), len(block.images)), dtype=np.float32)
        signs[0] = self._scores.block(rows, block.images, model)
        signs[1] = self._scores.image_hubness[model, block.images]
        trained = np.asarray(self._held_out.captions[model, captions], dtype=np.float32)
        consensus = self._consensus.block(rows, trained, block.images, block.trained_sums)
        signs[4] = ~np.isnan(consensus)
        signs[2] = _centred(consensus, block.trained_mean)
        if self._raw is not None:
            raw = self._raw[captions]
            signs[3] = _centred(self._consensus.block(rows, raw, block.images, block.raw_sums), block.raw_mean)
        return signs


@final
class _Unit:
    """Vectors that are scaled to length 1 as they are read."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors

    def __getitem__(self, rows: IntArray) -> FloatArray:
        return unit_rows(np.asarray(self._vectors[rows], dtype=np.float32))


@final
@dataclass(frozen=True, eq=False)
class _ImageBlock:
    """Some images with the sums of their trusted captions, and how near any caption is to such in the mean."""

    images: IntArray
    trained_sums: FloatArray
    trained_mean: float
    raw_sums: FloatArray
    raw_mean: float

    @classmethod
    def read(
        cls, images: IntArray, trained: FloatArray, raw: _Unit | None, consensus: SiblingConsensus
    ) -> "_ImageBlock":
        some = np.linspace(0, len(trained) - 1, min(_N_FOR_MEAN, len(trained)), dtype=np.int64)
        sums = consensus.of_images(images, trained)
        weights = consensus.image_weights[images]
        if raw is None:
            return cls(images, sums, _mean(np.asarray(trained[some], dtype=np.float32), sums, weights), sums, 0.0)
        raw_sums = consensus.of_images(images, raw)
        return cls(
            images,
            sums,
            _mean(np.asarray(trained[some], dtype=np.float32), sums, weights),
            raw_sums,
            _mean(raw[some], raw_sums, weights),
        )


def _mean(vectors: FloatArray, sums: FloatArray, weights: FloatArray) -> float:
    is_known = weights > 1e-3
    if not is_known.any():
        return 0.0
    return float((vectors.mean(axis=0) @ (sums[is_known] / weights[is_known, None]).T).mean())


def _centred(consensus: FloatArray, mean: float) -> FloatArray:
    """In nats, 0 for what says no more than any caption of any image does."""
    centred: FloatArray = np.nan_to_num((consensus - mean) / _TEMPERATURE, nan=0.0)
    return centred


@final
class _KnownPairs:
    """Which images a caption is paired with."""

    def __init__(self, features: PairFeatures) -> None:
        self._features = features
        self._rows = np.argsort(features.caption_index, kind="stable")
        self._captions = features.caption_index[self._rows]

    def mask(self, rows: IntArray, images: IntArray, *, is_own_hidden: bool) -> BoolArray:
        """(n, m) whether the caption of each pair belongs to each image already."""
        captions = self._features.caption_index[rows]
        first = np.searchsorted(self._captions, captions, side="left")
        counts = np.searchsorted(self._captions, captions, side="right") - first
        owner = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        others = self._rows[np.repeat(first, counts) + within]
        if is_own_hidden:
            is_other = others != rows[owner]
            owner, others = owner[is_other], others[is_other]
        column = np.searchsorted(images, self._features.image_index[others]).clip(max=len(images) - 1)
        is_here = images[column] == self._features.image_index[others]
        mask = np.zeros((len(rows), len(images)), dtype=np.bool_)
        mask[owner[is_here], column[is_here]] = True
        return mask


def _merge(
    found: Candidates, best: DoubleArray, places: IntArray, images: IntArray, signs: FloatArray, weighted: FloatArray
) -> None:
    """Keeps the k best of what was found so far and a block."""
    k = best.shape[1]
    n_new = min(k, len(images))
    new = np.argpartition(-weighted, n_new - 1, axis=1)[:, :n_new]  # (rows, n_new)
    scores: DoubleArray = np.concatenate((best[places], np.take_along_axis(weighted, new, axis=1)), axis=1)
    here = np.arange(len(places))[:, None]
    all_images = np.concatenate((found.images[places], images[new]), axis=1)
    all_signs = np.concatenate((found.signs[places], signs[:, here, new].transpose(1, 2, 0)), axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    is_there = np.take_along_axis(scores, order, axis=1) > -np.inf
    best[places] = np.take_along_axis(scores, order, axis=1)
    found.images[places] = np.where(is_there, all_images[here, order], NOBODY)
    found.signs[places] = np.where(is_there[:, :, None], all_signs[here, order], 0)
