"""Scores of how likely each pair matches, in [0, 1] and low = bad, that need no training of their own."""

from crcl_core.detection.encoder_similarity import encoder_similarity
from crcl_core.detection.lemon import LemonTerms, lemon_score, lemon_terms
from crcl_core.detection.pair_neighbours import PairNeighbours, nearest_pairs

__all__ = ["LemonTerms", "PairNeighbours", "encoder_similarity", "lemon_score", "lemon_terms", "nearest_pairs"]
