from crcl_core.losses.active_complementary import ActiveComplementaryLoss, LossParts
from crcl_core.losses.matching_probability import matching_log_probabilities, negatives_mask

__all__ = ["ActiveComplementaryLoss", "LossParts", "matching_log_probabilities", "negatives_mask"]
