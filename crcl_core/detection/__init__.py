"""Scores of how likely each pair matches, in [0, 1] and low = bad, and what planted decoys say of them."""

from crcl_core.detection.calibration import Calibration, Reliability, ReliabilityReason, calibrate
from crcl_core.detection.decision import threshold_at_fdr
from crcl_core.detection.decoys import MIN_DECOYS, PlantedDecoys, decoy_count, plant_decoys
from crcl_core.detection.detecting import Detection, detect_mismatches, out_of_fold_epochs
from crcl_core.detection.encoder_similarity import encoder_similarity
from crcl_core.detection.findings import Findings, find_mismatches
from crcl_core.detection.fold_unit import FoldUnit
from crcl_core.detection.held_out import HeldOutEmbeddings
from crcl_core.detection.lemon import LemonTerms, lemon_score, lemon_terms
from crcl_core.detection.mismatch_rate import MismatchRate
from crcl_core.detection.pair_neighbours import PairNeighbours, nearest_pairs

__all__ = [
    "MIN_DECOYS",
    "Calibration",
    "Detection",
    "Findings",
    "FoldUnit",
    "HeldOutEmbeddings",
    "LemonTerms",
    "MismatchRate",
    "PairNeighbours",
    "PlantedDecoys",
    "Reliability",
    "ReliabilityReason",
    "calibrate",
    "decoy_count",
    "detect_mismatches",
    "encoder_similarity",
    "find_mismatches",
    "lemon_score",
    "lemon_terms",
    "nearest_pairs",
    "out_of_fold_epochs",
    "plant_decoys",
    "threshold_at_fdr",
]
