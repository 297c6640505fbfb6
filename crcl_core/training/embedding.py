"""Embeds whole corpora with trained heads."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from crcl_core.models import MatchingHeads
from crcl_core.types import FloatArray

_ROWS = 4096


def embed_images(heads: MatchingHeads, features: FloatArray, *, device: str | torch.device = "cpu") -> FloatArray:
    """Embeds image vectors in evaluation mode, block by block.

    Args:
        heads: Trained heads; moved to the device and set to evaluation mode.
        features: (I, D_image) float32, may be memory-mapped.
        device: Where to compute.

    Returns:
        (I, J) float32, L2-normalised.
    """
    return _embedded(heads, heads.embed_images, features, torch.device(device))


def embed_captions(heads: MatchingHeads, features: FloatArray, *, device: str | torch.device = "cpu") -> FloatArray:
    """Embeds caption vectors; as `embed_images`, (C, D_caption) -> (C, J)."""
    return _embedded(heads, heads.embed_captions, features, torch.device(device))


@torch.inference_mode()
def _embedded(
    heads: MatchingHeads, embed: Callable[[Tensor], Tensor], features: FloatArray, device: torch.device
) -> FloatArray:
    heads.to(device).eval()
    embeddings = np.empty((len(features), heads.embedding_dim), dtype=np.float32)
    for start in range(0, len(features), _ROWS):
        # A copy: torch warns about sharing memory that is mapped read-only.
        rows = torch.from_numpy(np.array(features[start : start + _ROWS])).to(device)
        embeddings[start : start + _ROWS] = embed(rows).cpu().numpy()
    return embeddings
