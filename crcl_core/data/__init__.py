from crcl_core.data.captions import normalise_caption
from crcl_core.data.noise import NoisyCorrespondence, caption_level_noise
from crcl_core.data.pair_features import PairFeatures
from crcl_core.data.vocabulary import Vocabulary
from crcl_core.data.word_splitter import split_words

__all__ = [
    "NoisyCorrespondence",
    "PairFeatures",
    "Vocabulary",
    "caption_level_noise",
    "normalise_caption",
    "split_words",
]
