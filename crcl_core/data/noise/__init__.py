"""Synthetic noisy correspondence: known mismatches planted into clean pairs, to measure against."""

from crcl_core.data.noise.caption_level import caption_level_noise
from crcl_core.data.noise.image_level import image_level_noise
from crcl_core.data.noise.near import near_noise
from crcl_core.data.noise.noisy_correspondence import NoisyCorrespondence
from crcl_core.data.noise.shifted_block import shifted_block_noise
from crcl_core.data.noise.word_swap import WordSwap, word_swap_noise

__all__ = [
    "NoisyCorrespondence",
    "WordSwap",
    "caption_level_noise",
    "image_level_noise",
    "near_noise",
    "shifted_block_noise",
    "word_swap_noise",
]
