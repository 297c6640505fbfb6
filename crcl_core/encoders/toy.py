"""A tiny encoder without weights: real enough that heads can learn colours, shapes and words from it."""

import hashlib
import itertools
import re
import zlib
from collections.abc import Sequence
from typing import final

import numpy as np
from PIL import Image

from crcl_core.encoders.encoder import ByteArray, Modality, check_prepared, prepare_and_encode
from crcl_core.encoders.region_grid import RegionGrid
from crcl_core.types import FloatArray

_SIDE_PX = 64
_GRID = 4
_LEVELS = 4  # per channel, so 64 colours
_ORIENTATIONS = 8
_N_COLOURS = _LEVELS**3
_N_CELLS = _GRID**2
_IMAGE_DIM = _N_COLOURS + _N_CELLS * 3 + _N_CELLS * _ORIENTATIONS
_CAPTION_DIM = 512
_MAX_BATCH = 256
_RECIPE = f"toy 1: {_SIDE_PX} px, grid {_GRID}, {_LEVELS} levels, {_ORIENTATIONS} orientations, {_CAPTION_DIM} buckets"
# A region is a cell's mean colour and its edges.
_REGIONS = RegionGrid(rows=_GRID, columns=_GRID, dim=3 + _ORIENTATIONS, source="toy cells")
_WORD = re.compile(r"\w+")


@final
class ToyEncoder:
    """Histograms of colours and edges on a grid; words and pairs of neighbouring words hashed into buckets.

    Needs no weights, no download and no randomness, and takes about a millisecond an image. For tests and smoke runs:
    it cannot see what an object is, only which colours stand where and which way the edges run.

    Args:
        name: The name under which it is registered.
    """

    joint_dim: int | None = None

    def __init__(self, name: str = "toy") -> None:
        self.name = name
        self.fingerprint = hashlib.sha256(_RECIPE.encode()).hexdigest()
        self.image_dim = _IMAGE_DIM
        self.caption_dim = _CAPTION_DIM
        self.prepared_shape = (_SIDE_PX, _SIDE_PX, 3)
        self.region_dim: int | None = _REGIONS.dim

    def supports(self, modality: Modality) -> bool:
        """Both modalities can be embedded."""
        return modality in tuple(Modality)

    def prepare_image(self, image: Image.Image) -> ByteArray:
        """Squash the whole image to 64 by 64 pixels."""
        small = image.convert("RGB").resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BILINEAR)
        return np.asarray(small, dtype=np.uint8)

    def encode_prepared(self, batch: ByteArray) -> FloatArray:
        """Embed prepared images, (B, 64, 64, 3) uint8 to (B, 240) float32."""
        check_prepared(self, batch)
        features = np.empty((len(batch), _IMAGE_DIM), dtype=np.float32)
        for start in range(0, len(batch), _MAX_BATCH):
            part = batch[start : start + _MAX_BATCH]
            features[start : start + len(part)] = np.concatenate(
                [_colour_histogram(part), _cell_colours(part), _cell_edges(part)], axis=1
            )
        return features

    def encode_prepared_regions(self, batch: ByteArray, n_grid_regions: int) -> FloatArray:
        """Embed the regions of prepared images, (B, 64, 64, 3) uint8 to (B, n_grid_regions + 1, 11) float32."""
        check_prepared(self, batch)
        weights = _REGIONS.weights(n_grid_regions)
        features = np.empty((len(batch), len(weights), _REGIONS.dim), dtype=np.float32)
        for start in range(0, len(batch), _MAX_BATCH):
            part = batch[start : start + _MAX_BATCH]
            colours = _cell_colours(part).reshape(len(part), _N_CELLS, 3)
            edges = _cell_edges(part).reshape(len(part), _N_CELLS, _ORIENTATIONS)
            # (R, P) @ (B, P, D), P = cells
            np.matmul(weights, np.concatenate([colours, edges], axis=2), out=features[start : start + len(part)])
        return features

    def region_fingerprint(self, n_grid_regions: int) -> str:
        """Fingerprint of so many regions."""
        return _REGIONS.fingerprint(self.fingerprint, n_grid_regions)

    def encode_images(self, images: Sequence[Image.Image]) -> FloatArray:
        """Prepare and embed images."""
        return prepare_and_encode(self, images)

    def encode_captions(self, captions: Sequence[str]) -> FloatArray:
        """Embed captions, (B,) to (B, 512) float32; a caption without a word is the zero vector."""
        features = np.zeros((len(captions), _CAPTION_DIM), dtype=np.float32)
        for row, caption in enumerate(captions):
            for term in _terms(caption):
                features[row, zlib.crc32(term.encode("utf-8", "replace")) % _CAPTION_DIM] += 1.0
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        normalised: FloatArray = features / np.maximum(lengths, np.float32(1.0))
        return normalised


def _colour_histogram(batch: ByteArray) -> FloatArray:
    levels = batch.reshape(len(batch), -1, 3) // (256 // _LEVELS)  # (B, P, 3), P = pixels
    codes = levels @ np.array([_LEVELS**2, _LEVELS, 1])  # (B, P)
    rows = np.arange(len(batch))[:, None] * _N_COLOURS
    counts = np.bincount((codes + rows).ravel(), minlength=len(batch) * _N_COLOURS).reshape(len(batch), _N_COLOURS)
    # The square root keeps a small object visible next to a large background.
    histogram: FloatArray = np.sqrt(counts / codes.shape[1]).astype(np.float32)
    return histogram


def _cell_colours(batch: ByteArray) -> FloatArray:
    side = _SIDE_PX // _GRID
    cells = batch.reshape(len(batch), _GRID, side, _GRID, side, 3)
    means: FloatArray = cells.mean(axis=(2, 4), dtype=np.float32) / np.float32(255.0)  # (B, grid rows, columns, 3)
    return means.reshape(len(batch), _N_CELLS * 3)


def _cell_edges(batch: ByteArray) -> FloatArray:
    grey = batch.mean(axis=3, dtype=np.float32) / np.float32(255.0)
    down, right = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, right)
    # Opposite directions are the same edge, hence the half circle.
    turn = np.mod(np.arctan2(down, right), np.pi) / np.pi
    orientation = np.minimum((turn * _ORIENTATIONS).astype(np.int64), _ORIENTATIONS - 1)
    side = _SIDE_PX // _GRID
    cell_of = np.arange(_SIDE_PX) // side
    cell = cell_of[:, None] * _GRID + cell_of[None, :]
    row = np.arange(len(batch))[:, None, None]
    slots = (row * _N_CELLS + cell) * _ORIENTATIONS + orientation
    size = len(batch) * _N_CELLS * _ORIENTATIONS
    sums = np.bincount(slots.ravel(), weights=strength.ravel(), minlength=size)
    edges: FloatArray = np.sqrt(sums.reshape(len(batch), _N_CELLS * _ORIENTATIONS) / side).astype(np.float32)
    return edges


def _terms(caption: str) -> list[str]:
    words = _WORD.findall(caption.casefold())
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]
