"""Pairs within a block whose captions, as a whole, stand at the wrong images."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from crcl_core.explanation.evidence import Evidence, ShiftedBlock, SwappedBlock


class MisplacedBlock(Protocol):
    """What explains a block: pairs `first_pair` to `last_pair`, both included, by ordinal.

    Its captions belong `offset` pairs further on. In a block that changed places with another, `partner` holds the
    first and the last pair of that one, and the offset leads there.
    """

    @property
    def first_pair(self) -> int: ...

    @property
    def last_pair(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def partner(self) -> tuple[int, int] | None: ...


def pairs_in_blocks(blocks: Iterable[MisplacedBlock]) -> dict[int, Evidence]:
    """The evidence of each pair that lies in a block; of two blocks, the first."""
    found: dict[int, Evidence] = {}
    for pair, evidence in _members(blocks):
        found.setdefault(pair, evidence)
    return found


def _members(blocks: Iterable[MisplacedBlock]) -> Iterator[tuple[int, Evidence]]:
    for block in blocks:
        evidence = _evidence(block)
        for pair in range(block.first_pair, block.last_pair + 1):
            yield pair, evidence


def _evidence(block: MisplacedBlock) -> Evidence:
    if block.partner is None:
        return ShiftedBlock(block.first_pair, block.last_pair, block.offset)
    return SwappedBlock(block.first_pair, block.last_pair, *block.partner)
