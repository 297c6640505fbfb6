from crcl_core.losses.active_complementary import ActiveComplementaryLoss, LossParts
from crcl_core.losses.info_nce import InfoNceLoss
from crcl_core.losses.matching_probability import matching_log_probabilities, negatives_mask
from crcl_core.losses.soft_margin_triplet import SoftMarginTripletLoss
from crcl_core.losses.triplet import HardestTripletLoss

__all__ = [
    "ActiveComplementaryLoss",
    "HardestTripletLoss",
    "InfoNceLoss",
    "LossParts",
    "SoftMarginTripletLoss",
    "matching_log_probabilities",
    "negatives_mask",
]
