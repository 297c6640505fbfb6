from crcl_core.data.captions import normalise_caption
from crcl_core.data.noise import NoisyCorrespondence, caption_level_noise
from crcl_core.data.pair_features import PairFeatures

__all__ = ["NoisyCorrespondence", "PairFeatures", "caption_level_noise", "normalise_caption"]
