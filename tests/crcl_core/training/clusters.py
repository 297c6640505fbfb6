"""Small corpora of vectors whose mismatches are known."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.types import BoolArray, FloatArray, IntArray

IMAGE_DIM = 24
CAPTION_DIM = 20
_LATENT_DIM = 16
_N_CLUSTERS = 8


@dataclass(frozen=True)
class ClusteredCorpus:
    """Vectors of pairs and which of the pairs are mismatched."""

    features: PairFeatures
    is_mismatch: BoolArray


def clustered_corpus(
    n_images: int, *, captions_per_image: int = 1, ratio: float = 0.3, seed: int = 0
) -> ClusteredCorpus:
    """Makes pairs whose two vectors are views of one latent vector, near the centre of one of eight clusters.

    Args:
        n_images: I; the pairs are `captions_per_image` times as many, and so are the captions.
        captions_per_image: Pairs of each image.
        ratio: Share of the pairs whose images are shuffled.
        seed: Of vectors and noise.
    """
    random = np.random.default_rng(seed)
    centres = random.normal(size=(_N_CLUSTERS, _LATENT_DIM))
    latents = centres[random.integers(_N_CLUSTERS, size=n_images)] + random.normal(size=(n_images, _LATENT_DIM))
    true_index: IntArray = np.repeat(np.arange(n_images, dtype=np.int64), captions_per_image)
    noisy = caption_level_noise(true_index, ratio, seed)
    features = PairFeatures(
        image_features=_view(latents, IMAGE_DIM, random),
        caption_features=_view(latents[true_index], CAPTION_DIM, random),
        image_index=noisy.image_index,
        caption_index=np.arange(len(true_index), dtype=np.int64),
    )
    return ClusteredCorpus(features, noisy.is_mismatch)


def in_joint_space(features: PairFeatures) -> PairFeatures:
    """Replaces the vectors by those of an encoder with a joint space; image i truly belongs to caption i."""
    random = np.random.default_rng(5)
    captions = random.normal(size=(features.n_captions, IMAGE_DIM))
    images = captions + 0.5 * random.normal(size=captions.shape)
    return dataclasses.replace(
        features, image_features=images.astype(np.float32), caption_features=captions.astype(np.float32)
    )


def _view(
    latents: np.ndarray[tuple[int, ...], np.dtype[np.float64]], dim: int, random: np.random.Generator
) -> FloatArray:
    clean = latents @ random.normal(size=(_LATENT_DIM, dim))
    return (clean + 0.3 * random.normal(size=clean.shape)).astype(np.float32)
