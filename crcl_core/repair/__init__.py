"""Proposes what mismatched pairs should have been: another caption of the corpus, or a block moved back."""

from crcl_core.repair.caption_ranking import CaptionRanking, rank_captions
from crcl_core.repair.proposals import RankedImages, Repair, RepairKind, Repairs, propose_repairs
from crcl_core.repair.shifted_blocks import ShiftedBlock

__all__ = [
    "CaptionRanking",
    "RankedImages",
    "Repair",
    "RepairKind",
    "Repairs",
    "ShiftedBlock",
    "propose_repairs",
    "rank_captions",
]
