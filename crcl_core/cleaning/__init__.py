"""From images and captions to findings in one call, for a notebook or a script: no server, no database."""

from crcl_core.cleaning.clean_pairs import CleanedPairs, clean_pairs
from crcl_core.cleaning.encode_pairs import encode_pairs, encode_region_pairs

__all__ = ["CleanedPairs", "clean_pairs", "encode_pairs", "encode_region_pairs"]
