"""What a search must know of the pairs of a run: who belongs to whom, and which of them pass a filter."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self, final

import numpy as np
import numpy.typing as npt

IndexArray = npt.NDArray[np.int32]
MaskArray = npt.NDArray[np.bool_]


class Returns(StrEnum):
    """What a search finds."""

    IMAGES = "images"
    CAPTIONS = "captions"


class Flagged(StrEnum):
    """How a search treats flagged pairs."""

    ANY = "any"
    ONLY = "only"
    EXCLUDE = "exclude"


@dataclass(frozen=True)
class PairCondition:
    """Which pairs a search may show.

    Attributes:
        threshold: a correspondence below it is flagged.
        flagged: whether flagged pairs take part.
        min_correspondence: the least correspondence, or None.
    """

    threshold: float
    flagged: Flagged = Flagged.ANY
    min_correspondence: float | None = None


@final
class PairTable:
    """The pairs of a run by ordinal, N of them.

    Args:
        image_index: (N,) the image of each pair.
        caption_index: (N,) the distinct caption of each pair.
        correspondence: (N,) float32 in [0, 1].
    """

    def __init__(self, image_index: npt.ArrayLike, caption_index: npt.ArrayLike, correspondence: npt.ArrayLike) -> None:
        self._groups = {Returns.IMAGES: Groups(image_index), Returns.CAPTIONS: Groups(caption_index)}
        self._correspondence = np.asarray(correspondence, dtype=np.float32)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The table that a run published as `pairs.npz`."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["image_index"], arrays["caption_index"], arrays["correspondence"])

    def groups(self, returns: Returns) -> "Groups":
        """The pairs of each image, or of each distinct caption."""
        return self._groups[returns]

    def group_of_pair(self, returns: Returns, pair: int) -> int:
        """The image, or the distinct caption, of a pair."""
        return self._groups[returns].of_pair(pair)

    def passing(self, condition: PairCondition) -> MaskArray | None:
        """(N,) which pairs pass, or None where all of them do.

        The bounds are taken as float32, as the report's own comparisons take them.
        """
        passing: MaskArray | None = None
        if condition.flagged is not Flagged.ANY:
            passing = self._correspondence < np.float32(condition.threshold)
            if condition.flagged is Flagged.EXCLUDE:
                passing = ~passing
        if condition.min_correspondence is not None:
            is_sure = self._correspondence >= np.float32(condition.min_correspondence)
            passing = is_sure if passing is None else passing & is_sure
        return passing


@final
class Groups:
    """Pairs grouped by what they share.

    Args:
        group_of: (N,) the group of each pair, 0 to G - 1.
    """

    def __init__(self, group_of: npt.ArrayLike) -> None:
        self._group_of: IndexArray = np.asarray(group_of, dtype=np.int32)
        self._pairs: IndexArray = np.argsort(self._group_of, kind="stable").astype(np.int32)
        n_groups = int(self._group_of.max(initial=-1)) + 1
        self._ends = np.cumsum(np.bincount(self._group_of, minlength=n_groups))

    def of_pair(self, pair: int) -> int:
        """The group of a pair."""
        return int(self._group_of[pair])

    def members(self, group: int, passing: MaskArray | None) -> IndexArray:
        """The pairs of a group that pass, in ascending order."""
        if group >= len(self._ends):
            return self._pairs[:0]
        start = self._ends[group - 1] if group else 0
        members = self._pairs[start : self._ends[group]]
        return members if passing is None else members[passing[members]]

    def with_any(self, passing: MaskArray, n_groups: int) -> MaskArray:
        """(n_groups,) which groups have at least one pair that passes."""
        mask = np.zeros(n_groups, dtype=np.bool_)
        mask[self._group_of[passing]] = True
        return mask
