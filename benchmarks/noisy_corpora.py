"""A clean corpus with mismatches planted into it, by each of the protocols."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.data.noise import image_level_noise, near_noise, shifted_block_noise, word_swap_noise
from crcl_core.encoders import Encoder
from crcl_core.types import BoolArray

PROTOCOLS = ("caption_level", "image_level", "near", "shifted_block", "word_swap")
FIRST_NOISE_SEED = 1234
_CAPTIONS_A_BATCH = 1024


def planted_corpus(
    clean: PairFeatures, protocol: str, ratio: float, seed: int, *, captions: Sequence[str], encoder: Encoder
) -> tuple[PairFeatures, BoolArray]:
    """The corpus with a share of its pairs mismatched, and which those are.

    Args:
        clean: vectors of a corpus.
        protocol: one of `PROTOCOLS`.
        ratio: the share.
        seed: of the run; the noise has the NumPy seed 1234 + seed.
        captions: the text of each caption vector.
        encoder: encodes the captions that `word_swap` changes.
    """
    noise_seed = FIRST_NOISE_SEED + seed
    if protocol == "word_swap":
        return _with_swapped_words(clean, ratio, noise_seed, captions, encoder)
    if protocol == "near":
        noise = near_noise(clean.image_index, clean.image_features, ratio, noise_seed)
    else:
        plant = {
            "caption_level": caption_level_noise,
            "image_level": image_level_noise,
            "shifted_block": shifted_block_noise,
        }[protocol]
        noise = plant(clean.image_index, ratio, noise_seed)
    return dataclasses.replace(clean, image_index=noise.image_index), noise.is_mismatch


def _with_swapped_words(
    clean: PairFeatures, ratio: float, noise_seed: int, captions: Sequence[str], encoder: Encoder
) -> tuple[PairFeatures, BoolArray]:
    of_pairs = [captions[row] for row in clean.caption_index]
    swapped = word_swap_noise(of_pairs, clean.image_index, ratio, noise_seed)
    changed = np.flatnonzero(swapped.is_mismatch)
    texts = [swapped.captions[pair] for pair in changed]
    blocks = [
        encoder.encode_captions(texts[start : start + _CAPTIONS_A_BATCH])
        for start in range(0, len(texts), _CAPTIONS_A_BATCH)
    ]
    caption_index = clean.caption_index.copy()
    caption_index[changed] = clean.n_captions + np.arange(len(changed))
    vectors = np.concatenate((clean.caption_features.astype(np.float32, copy=False), *blocks))
    return (
        dataclasses.replace(clean, caption_features=vectors, caption_index=caption_index),
        swapped.is_mismatch,
    )
