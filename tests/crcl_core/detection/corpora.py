"""Small corpora of vectors, some of whose pairs mismatch."""

from dataclasses import dataclass

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.types import BoolArray, FloatArray


@dataclass(frozen=True)
class Corpus:
    """Vectors in which every image and its captions lie near a meaning of their own.

    Attributes:
        features: The pairs; the raw vectors of the two modalities have nothing in common.
        images: (I, 8), the images in a joint space.
        captions: (C, 8), the captions in it.
        is_mismatch: (N,), pairs whose image was exchanged.
    """

    features: PairFeatures
    images: FloatArray
    captions: FloatArray
    is_mismatch: BoolArray


def build_corpus(*, n_images: int, n_captions_each: int = 2, n_mismatched: int = 0, seed: int = 0) -> Corpus:
    """Builds a corpus of `n_images * n_captions_each` pairs, the mismatched ones drawn at random."""
    rng = np.random.default_rng(seed)
    # Meanings come in groups, so that neighbours tell something.
    meanings = np.repeat(rng.normal(size=(-(-n_images // 5), 8)), 5, axis=0)[:n_images]
    meanings = meanings + 0.2 * rng.normal(size=meanings.shape)
    true_image = np.repeat(np.arange(n_images), n_captions_each)
    images = (meanings + 0.3 * rng.normal(size=meanings.shape)).astype(np.float32)
    captions = (meanings[true_image] + 0.3 * rng.normal(size=(len(true_image), 8))).astype(np.float32)
    image_index = true_image.copy()
    if n_mismatched:
        chosen = np.sort(rng.permutation(len(true_image))[:n_mismatched])
        image_index[chosen] = np.roll(true_image[chosen], n_mismatched // 2)
    features = PairFeatures(
        image_features=(images @ rng.normal(size=(8, 12))).astype(np.float32),
        caption_features=(captions @ rng.normal(size=(8, 10))).astype(np.float32),
        image_index=image_index,
        caption_index=np.arange(len(true_image)),
    )
    return Corpus(features, images, captions, image_index != true_image)
