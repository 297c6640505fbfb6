"""Small corpora whose images and captions share a direction, with some pairs shuffled."""

import dataclasses

import numpy as np

from crcl_core.certification import CertificationConfig
from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.types import BoolArray, FloatArray

TINY = CertificationConfig(n_epochs=2, batch_size=32, joint_dim=16)
LEARNING = CertificationConfig(held_out_ratio=0.4, n_epochs=6, batch_size=64, joint_dim=16, learning_rate=5e-3)


def noisy_corpus(
    n_images: int = 200, captions_per_image: int = 1, noise: float = 0.4, seed: int = 0
) -> tuple[PairFeatures, BoolArray]:
    """Features, and which of the pairs are mismatches."""
    random = np.random.default_rng(seed)
    meaning = random.normal(size=(n_images, 12))
    of_caption = np.repeat(np.arange(n_images), captions_per_image)
    images = meaning @ random.normal(size=(12, 24)) + 0.1 * random.normal(size=(n_images, 24))
    captions = meaning[of_caption] @ random.normal(size=(12, 20)) + 0.1 * random.normal(size=(len(of_caption), 20))
    clean = PairFeatures(
        image_features=images.astype(np.float32),
        caption_features=captions.astype(np.float32),
        image_index=of_caption.astype(np.int64),
        caption_index=np.arange(len(of_caption), dtype=np.int64),
    )
    planted = caption_level_noise(clean.image_index, noise, seed)
    return dataclasses.replace(clean, image_index=planted.image_index), planted.is_mismatch


def known_correspondence(is_mismatch: BoolArray) -> FloatArray:
    """What a detector that errs nowhere would say."""
    return np.where(is_mismatch, 0.05, 0.95).astype(np.float32)
