"""Embeds and scores whole corpora with trained models, block by block, in evaluation mode."""

from collections.abc import Callable, Iterator
from typing import final

import numpy as np
import torch
from torch import Tensor

from crcl_core.data import PairFeatures
from crcl_core.models import EmbeddingModel, MatchingModel
from crcl_core.types import FloatArray, IntArray, TokenArray

_MAX_ROWS = 4096
_BLOCK_BYTES = 64 << 20
# Images and captions that a model without embeddings scores at once; it bounds its own memory within.
_SCORED_IMAGES, _SCORED_CAPTIONS = 128, 512
_SCORED_PAIRS = 8


def embed_images(
    model: EmbeddingModel,
    features: FloatArray,
    *,
    rows: IntArray | None = None,
    device: str | torch.device = "cpu",
) -> FloatArray:
    """Embeds image vectors or regions.

    Args:
        model: Trained; moved to the device and set to evaluation mode.
        features: (I, D_image) or (I, R, D_image) float32, may be memory-mapped.
        rows: (n,) int64, the rows to embed, gathered block by block; None = all.
        device: Where to compute.

    Returns:
        (I, J) or (n, J) float32, L2-normalised.
    """
    return _embedded(model, model.embed_images, _Rows(features, rows), torch.device(device))


def embed_captions(
    model: EmbeddingModel,
    features: FloatArray | TokenArray,
    *,
    rows: IntArray | None = None,
    device: str | torch.device = "cpu",
) -> FloatArray:
    """Embeds caption vectors or words; as `embed_images`, (C, D_caption) or (C, T) -> (C, J)."""
    return _embedded(model, model.embed_captions, _Rows(features, rows), torch.device(device))


@torch.no_grad()
def similarity_matrix(
    model: MatchingModel,
    image_features: FloatArray,
    caption_features: FloatArray | TokenArray,
    *,
    image_rows: IntArray | None = None,
    caption_rows: IntArray | None = None,
    device: str | torch.device = "cpu",
) -> FloatArray:
    """Scores all images against all captions, or those of the given rows, for models with and without embeddings.

    Returns:
        (I, C) float32, row = image, column = caption.
    """
    if isinstance(model, EmbeddingModel):
        embedded_images = embed_images(model, image_features, rows=image_rows, device=device)
        embedded_captions = embed_captions(model, caption_features, rows=caption_rows, device=device)
        similarities: FloatArray = embedded_images @ embedded_captions.T
        return similarities
    placed = torch.device(device)
    model.to(placed).eval()
    images, captions = _Rows(image_features, image_rows), _Rows(caption_features, caption_rows)
    scores = np.empty((len(images), len(captions)), dtype=np.float32)
    for first_image in range(0, len(images), _SCORED_IMAGES):
        images_at = slice(first_image, first_image + _SCORED_IMAGES)
        images_block = _on_device(images[images_at], placed)
        for first_caption in range(0, len(captions), _SCORED_CAPTIONS):
            captions_at = slice(first_caption, first_caption + _SCORED_CAPTIONS)
            captions_block = _on_device(captions[captions_at], placed)
            scores[images_at, captions_at] = model.similarities(images_block, captions_block).float().cpu().numpy()
    return scores


@torch.no_grad()
def pair_similarities(
    model: MatchingModel, features: PairFeatures, *, device: str | torch.device = "cpu"
) -> FloatArray:
    """Scores each pair's image against its caption.

    Returns:
        (N,) float32.
    """
    if isinstance(model, EmbeddingModel):
        images = embed_images(model, features.image_features, device=device)
        captions = embed_captions(model, features.caption_features, device=device)
        return _row_products(images, captions, features)
    placed = torch.device(device)
    model.to(placed).eval()
    scores = np.empty(features.n_pairs, dtype=np.float32)
    for start in range(0, features.n_pairs, _SCORED_PAIRS):
        block = slice(start, start + _SCORED_PAIRS)
        images_block = _on_device(features.image_features[features.image_index[block]], placed)
        captions_block = _on_device(features.caption_features[features.caption_index[block]], placed)
        scores[block] = model.similarities(images_block, captions_block).diagonal().float().cpu().numpy()
    return scores


def _row_products(images: FloatArray, captions: FloatArray, features: PairFeatures) -> FloatArray:
    products = np.empty(features.n_pairs, dtype=np.float32)
    for start in range(0, features.n_pairs, _MAX_ROWS):
        block: slice = slice(start, start + _MAX_ROWS)
        image_rows: IntArray = features.image_index[block]
        products[block] = (images[image_rows] * captions[features.caption_index[block]]).sum(axis=1)
    return products


@final
class _Rows:
    """Some rows of an array, read only when and where they are needed: the array may be larger than memory."""

    def __init__(self, features: FloatArray | TokenArray, rows: IntArray | None) -> None:
        self._features = features
        self._rows = rows
        self.row_bytes = max(1, features[:1].nbytes)

    def __len__(self) -> int:
        return len(self._features) if self._rows is None else len(self._rows)

    def __getitem__(self, block: slice) -> FloatArray | TokenArray:
        return self._features[block] if self._rows is None else self._features[self._rows[block]]


@torch.no_grad()
def _embedded(
    model: EmbeddingModel, embed: Callable[[Tensor], Tensor], features: _Rows, device: torch.device
) -> FloatArray:
    model.to(device).eval()
    embeddings = np.empty((len(features), model.embedding_dim), dtype=np.float32)
    for block in _blocks(features):
        embeddings[block] = embed(_on_device(features[block], device)).float().cpu().numpy()
    return embeddings


def _blocks(features: _Rows) -> Iterator[slice]:
    n_rows = max(1, min(_MAX_ROWS, _BLOCK_BYTES // features.row_bytes))
    for start in range(0, len(features), n_rows):
        yield slice(start, start + n_rows)


def _on_device(rows: FloatArray | TokenArray, device: torch.device) -> Tensor:
    # A copy: torch warns about sharing memory that is mapped read-only.
    tensor = torch.from_numpy(np.array(rows)).to(device)
    return tensor if tensor.is_floating_point() else tensor.long()
