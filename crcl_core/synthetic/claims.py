"""What a caption claims, apart from its words, and how much of it a picture contradicts."""

from dataclasses import dataclass
from itertools import permutations
from typing import final

from crcl_core.synthetic.scene import Arrangement, BackdropKind, Colour, Group, Place, SceneFacts, Shape, Size, Texture


@final
@dataclass(frozen=True, kw_only=True)
class GroupClaim:
    """What a caption says of one group; None = nothing."""

    shape: Shape
    colour: Colour
    count: int
    size: Size | None = None
    texture: Texture | None = None

    def n_differences(self, group: Group | None) -> int:
        """How many of the claimed attributes the group does not have; without a group, all."""
        claimed = [self.shape, self.colour, self.count, self.size, self.texture]
        actual = [None] * 5 if group is None else [group.shape, group.colour, group.count, group.size, group.texture]
        return sum(told is not None and told != true for told, true in zip(claimed, actual, strict=True))


@final
@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a caption says of a picture; None = nothing.

    Attributes:
        groups: At least one.
        order: LEFT_TO_RIGHT or TOP_TO_BOTTOM when the caption says that `groups` stand in this order.
        place: Of the only group.
        backdrop_kind: What is behind.
        backdrop_colour: Its colour.
    """

    groups: tuple[GroupClaim, ...]
    order: Arrangement | None = None
    place: Place | None = None
    backdrop_kind: BackdropKind | None = None
    backdrop_colour: Colour | None = None


def n_contradictions(claims: Claims, facts: SceneFacts) -> int:
    """Counts the claimed attributes that a picture does not have.

    Which claimed group is meant by which group of the picture is not said, so the kindest reading counts: the one
    with the fewest contradictions.

    Returns:
        0 when the caption is true of the picture.
    """
    backdrop = sum(
        claimed is not None and claimed != true
        for claimed, true in (
            (claims.backdrop_kind, facts.backdrop.kind),
            (claims.backdrop_colour, facts.backdrop.colour),
            (claims.place, facts.place),
        )
    )
    # Padded with "no such group", so that there is a reading even when the caption names more groups than there are.
    candidates = [*range(len(facts.groups)), *([None] * len(claims.groups))]
    readings = set(permutations(candidates, len(claims.groups)))
    return backdrop + min(_n_in_reading(claims, facts, reading) for reading in readings)


def _n_in_reading(claims: Claims, facts: SceneFacts, reading: tuple[int | None, ...]) -> int:
    in_groups = sum(
        claim.n_differences(None if number is None else facts.groups[number])
        for claim, number in zip(claims.groups, reading, strict=True)
    )
    if claims.order is None:
        return in_groups
    present = [number for number in reading if number is not None]
    is_ordered = claims.order is facts.arrangement and present == sorted(present)
    return in_groups + (not is_ordered)
