"""What exactly is wrong: a reason with its evidence for each suspect pair, and the groups that cause most noise."""

from crcl_core.explanation.better_candidates import BetterCandidates, find_better
from crcl_core.explanation.blocks import MisplacedBlock, pairs_in_blocks
from crcl_core.explanation.candidates import Candidates, best_captions, best_images
from crcl_core.explanation.causes import Cause, causes
from crcl_core.explanation.evidence import Evidence, ReasonCode
from crcl_core.explanation.explaining import (
    EXPLAINED_BELOW,
    Explanation,
    evidence_of_texts,
    explain,
    suspect_pairs,
)
from crcl_core.explanation.pair_groups import GroupColumn, caption_columns, folder_columns
from crcl_core.explanation.round_agreement import round_estimates, uncertain_pairs
from crcl_core.explanation.unsupported_words import WordedPair, leave_words_out, unsupported_words

__all__ = [
    "EXPLAINED_BELOW",
    "BetterCandidates",
    "Candidates",
    "Cause",
    "Evidence",
    "Explanation",
    "GroupColumn",
    "MisplacedBlock",
    "ReasonCode",
    "WordedPair",
    "best_captions",
    "best_images",
    "caption_columns",
    "causes",
    "evidence_of_texts",
    "explain",
    "find_better",
    "folder_columns",
    "leave_words_out",
    "pairs_in_blocks",
    "round_estimates",
    "suspect_pairs",
    "uncertain_pairs",
    "unsupported_words",
]
