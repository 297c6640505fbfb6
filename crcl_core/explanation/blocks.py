"""Pairs within a block whose captions, as a whole, stand at the wrong images."""

from collections.abc import Sequence
from typing import Protocol

from crcl_core.explanation.evidence import Evidence, ShiftedBlock, SwappedBlock

_MOSTLY = 0.5


class MisplacedBlock(Protocol):
    """Pairs `first` to `last`, both included, by ordinal; each should have the caption of the pair `offset` further."""

    @property
    def first(self) -> int: ...

    @property
    def last(self) -> int: ...

    @property
    def offset(self) -> int: ...


def pairs_in_blocks(blocks: Sequence[MisplacedBlock]) -> dict[int, Evidence]:
    """The evidence of each pair that lies in a block; of two blocks, the first.

    Two blocks of opposite offsets that lead into each other have changed places; any other block is shifted.
    """
    found: dict[int, Evidence] = {}
    for block in blocks:
        partner = next((other for other in blocks if _are_swapped(block, other)), None)
        evidence: Evidence = ShiftedBlock(block.first, block.last, block.offset)
        if partner is not None:
            evidence = SwappedBlock(block.first, block.last, partner.first, partner.last)
        for pair in range(block.first, block.last + 1):
            found.setdefault(pair, evidence)
    return found


def _are_swapped(block: MisplacedBlock, other: MisplacedBlock) -> bool:
    """Whether the captions of one are mostly found in the other and the other way round.

    A block that overlaps itself when it is moved is shifted: only one as far away as it is long can have a partner.
    """
    if other.offset != -block.offset or abs(block.offset) <= block.last - block.first:
        return False
    overlap = min(block.last + block.offset, other.last) - max(block.first + block.offset, other.first) + 1
    return overlap > _MOSTLY * max(block.last - block.first + 1, other.last - other.first + 1)
