"""Small corpora of made-up vectors in which an image and its captions share a hidden meaning."""

import numpy as np

from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.training import TrainingConfig
from crcl_core.types import BoolArray, FloatArray

IMAGE_DIM, CAPTION_DIM = 12, 10
_MEANING_DIM = 8

# Small and quick: two rounds of four epochs, about a hundred steps for 400 pairs.
SMALL = TrainingConfig(
    round_epochs=(3, 3), warmup_epochs=1, batch_size=32, joint_dim=16, dropout=0.1, learning_rate=5e-3, seed=7
)


def corpus(n_images: int, *, captions_per_image: int = 1, noise: float = 0.0) -> tuple[PairFeatures, BoolArray]:
    """Draws a corpus.

    Returns:
        The features, and which pairs mismatch.
    """
    random = np.random.default_rng(5)
    meanings = random.normal(size=(n_images, _MEANING_DIM))
    true_index = np.repeat(np.arange(n_images), captions_per_image)
    noisy = caption_level_noise(true_index, noise, 1234)
    features = PairFeatures(
        image_features=_seen(meanings, IMAGE_DIM, random),
        caption_features=_seen(meanings[true_index], CAPTION_DIM, random),
        image_index=noisy.image_index,
        caption_index=np.arange(len(true_index)),
    )
    return features, noisy.is_mismatch


def _seen(
    meanings: np.ndarray[tuple[int, int], np.dtype[np.float64]], width: int, random: np.random.Generator
) -> FloatArray:
    vectors = meanings @ random.normal(size=(_MEANING_DIM, width)) + 0.1 * random.normal(size=(len(meanings), width))
    return vectors.astype(np.float32)
