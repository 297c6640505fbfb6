"""One vector an image and a caption, for heads: the mean of an image's regions, an encoder's vector of a caption."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from crcl_core.data import PairFeatures, normalise_caption
from crcl_core.data.npy_files import map_npy
from crcl_core.data.precomp import PrecompSplit
from crcl_core.encoders import Encoder
from crcl_core.paper.progress import ProgressStep
from crcl_core.types import FloatArray

_BLOCK_BYTES: Final = 64 << 20
_CAPTIONS_AT_ONCE: Final = 4096


def vector_features(split: PrecompSplit, encoder: Encoder, cache: Path, progress: ProgressStep) -> PairFeatures:
    """Pairs mean regions with the encoder's caption vectors.

    Args:
        split: Regions, or vectors, which are taken as they are.
        encoder: Embeds captions; its images are not needed.
        cache: Folder that keeps the caption vectors for the next run.
        progress: Told how many captions are embedded.

    Returns:
        Captions that are equal after normalisation share a row.
    """
    normalised = [normalise_caption(caption) for caption in split.captions]
    _, first, caption_index = np.unique(normalised, return_index=True, return_inverse=True)
    distinct = [split.captions[position] for position in first]
    return PairFeatures(
        image_features=mean_regions(split.image_features),
        caption_features=_cached_vectors(distinct, encoder, cache, progress),
        image_index=split.image_index,
        caption_index=caption_index.astype(np.int64),
    )


def mean_regions(regions: FloatArray) -> FloatArray:
    """Averages (I, R, D) over the regions to (I, D), a block of images at a time; (I, D) is returned as it is."""
    if regions.ndim == 2:
        return regions
    means = np.empty((len(regions), regions.shape[2]), dtype=np.float32)
    n_rows = max(1, _BLOCK_BYTES // max(1, regions[:1].nbytes))
    for start in range(0, len(regions), n_rows):
        means[start : start + n_rows] = regions[start : start + n_rows].mean(axis=1)
    return means


def _cached_vectors(captions: Sequence[str], encoder: Encoder, cache: Path, progress: ProgressStep) -> FloatArray:
    digest = hashlib.sha256("\n".join([encoder.fingerprint, *captions]).encode()).hexdigest()
    path = cache / f"captions-{digest[:32]}.npy"
    if not path.exists():
        vectors = np.empty((len(captions), encoder.caption_dim), dtype=np.float32)
        for start in range(0, len(captions), _CAPTIONS_AT_ONCE):
            vectors[start : start + _CAPTIONS_AT_ONCE] = encoder.encode_captions(
                captions[start : start + _CAPTIONS_AT_ONCE]
            )
            progress.update(min(1.0, (start + _CAPTIONS_AT_ONCE) / len(captions)), f"{len(captions)} captions")
        cache.mkdir(parents=True, exist_ok=True)
        # Aside and renamed: a stop midway leaves no half of it.
        aside = path.with_suffix(".part")
        with aside.open("wb") as file:
            np.save(file, vectors, allow_pickle=False)
        aside.replace(path)
    return map_npy(path)
