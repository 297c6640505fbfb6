"""Small corpora of regions and words in which an image and its captions share a hidden class."""

import numpy as np

from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.models import ModelKind
from crcl_core.training import TrainingConfig
from crcl_core.types import BoolArray

N_REGIONS, REGION_DIM, N_TOKENS = 4, 12, 7
_N_CLASSES = 40
_FIRST_CLASS_ID = 4
VOCABULARY_SIZE = _FIRST_CLASS_ID + _N_CLASSES + 10

OF_REGIONS = [kind for kind in ModelKind if kind.reads_regions]


def small_config(model: ModelKind) -> TrainingConfig:
    """A short training: a first round, a change of rounds, warm-up, dropout and augmentation."""
    return TrainingConfig(
        model=model,
        round_epochs=(2, 1),
        warmup_epochs=1,
        batch_size=32,
        joint_dim=16,
        word_dim=8,
        similarity_dim=8,
        dropout=0.1,
        learning_rate=5e-3,
        seed=3,
    )


def worded_corpus(n_images: int, *, noise: float = 0.0) -> tuple[PairFeatures, BoolArray]:
    """Draws a corpus with one caption an image: two regions and one to three words tell the class, the rest is noise.

    Returns:
        The features, and which pairs mismatch.
    """
    random = np.random.default_rng(5)
    classes = random.integers(0, _N_CLASSES, n_images)
    meanings = random.normal(size=(_N_CLASSES, REGION_DIM))
    regions = random.normal(size=(n_images, N_REGIONS, REGION_DIM))
    regions[:, :2] = 2 * meanings[classes][:, None] + 0.2 * regions[:, :2]
    lengths = random.integers(3, N_TOKENS + 1, n_images)
    words = random.integers(_FIRST_CLASS_ID + _N_CLASSES, VOCABULARY_SIZE, (n_images, N_TOKENS))
    words[:, 1] = _FIRST_CLASS_ID + classes
    noisy = caption_level_noise(np.arange(n_images), noise, 1234)
    features = PairFeatures(
        image_features=regions.astype(np.float32),
        caption_features=np.where(np.arange(N_TOKENS) < lengths[:, None], words, 0).astype(np.int32),
        image_index=noisy.image_index,
        caption_index=np.arange(n_images),
        vocabulary_size=VOCABULARY_SIZE,
    )
    return features, classes[noisy.image_index] != classes
