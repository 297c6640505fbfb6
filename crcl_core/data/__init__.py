from crcl_core.data.captions import normalise_caption
from crcl_core.data.karpathy import KarpathyImage, KarpathySplit, read_karpathy
from crcl_core.data.noise import (
    NoisyCorrespondence,
    WordSwap,
    caption_level_noise,
    image_level_noise,
    near_noise,
    shifted_block_noise,
    word_swap_noise,
)
from crcl_core.data.noise_index import (
    NoiseIndexKind,
    load_noise_index,
    save_caption_to_image,
    save_image_permutation,
)
from crcl_core.data.pair_features import PairFeatures
from crcl_core.data.precomp import PrecompSplit, read_precomp, write_generated_precomp, write_precomp
from crcl_core.data.vocabulary import Vocabulary
from crcl_core.data.word_splitter import split_words

__all__ = [
    "KarpathyImage",
    "KarpathySplit",
    "NoiseIndexKind",
    "NoisyCorrespondence",
    "PairFeatures",
    "PrecompSplit",
    "Vocabulary",
    "WordSwap",
    "caption_level_noise",
    "image_level_noise",
    "load_noise_index",
    "near_noise",
    "normalise_caption",
    "read_karpathy",
    "read_precomp",
    "save_caption_to_image",
    "save_image_permutation",
    "shifted_block_noise",
    "split_words",
    "word_swap_noise",
    "write_generated_precomp",
    "write_precomp",
]
