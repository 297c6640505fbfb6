"""Which groups of pairs explain most of a corpus's noise."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, final

import numpy as np

from crcl_core.explanation.pair_groups import GroupColumn
from crcl_core.types import BoolArray, DoubleArray

MIN_PAIRS = 10
_MIN_SHARE_OF_NOISE = 0.01
_ERROR_RATE = 0.05
_SAME_PAIRS = 0.9


@final
@dataclass(frozen=True)
class Cause:
    """A group of pairs in which more is wrong than elsewhere.

    The counts are of the whole group, also of pairs that an earlier cause covers.

    Attributes:
        column, value: The group.
        n_pairs: Its size.
        n_flagged: How many of its pairs are flagged.
        expected_mismatches: The sum of 1 - correspondence over it.
        mismatch_rate: The mean of it.
        share_of_noise: Its part of all expected mismatches of the corpus.
        explained: How many more mismatches it has than as many other pairs would have; only of pairs that no earlier
            cause covers.
        also: Groups of other columns with nearly the same pairs, as (column, value).
    """

    column: str
    value: str
    n_pairs: int
    n_flagged: int
    expected_mismatches: float
    mismatch_rate: float
    share_of_noise: float
    explained: float
    also: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        """Its fields."""
        also = [{"column": column, "value": value} for column, value in self.also]
        return {**asdict(self), "also": also}


def causes(
    columns: Sequence[GroupColumn], mismatch: DoubleArray, is_flagged: BoolArray, *, limit: int = 10
) -> list[Cause]:
    """The groups that explain most of the noise, the first first.

    The first is the group with the most mismatches beyond what as many pairs of the corpus have on average. Its pairs
    are then set aside, and the next is chosen by what it has beyond the average of the pairs that are left, and so on;
    so a folder whose noise is that of one of its subfolders does not follow it. A group counts only while the lower end
    of Wilson's interval of its rate lies above that average, at an error rate of 5 % over all groups together.

    Args:
        columns: How the N pairs may be grouped; those that do not group are passed over.
        mismatch: (N,) in [0, 1], how likely each pair is a mismatch: 1 - correspondence.
        is_flagged: (N,).
        limit: How many at most.
    """
    grouping = [column for column in columns if column.is_grouping]
    total = float(mismatch.sum())
    n_groups = sum(len(column.values) for column in grouping)
    if not n_groups or total <= 0:
        return []
    z = NormalDist().inv_cdf(1 - _ERROR_RATE / n_groups)
    is_left = np.ones(len(mismatch), dtype=bool)
    found: list[Cause] = []
    while len(found) < limit:
        best = _best_group(grouping, mismatch, is_left, z)
        if best is None or best.explained < _MIN_SHARE_OF_NOISE * total:
            break
        members = best.column.codes == best.code
        found.append(_cause(best, members, grouping, mismatch, is_flagged))
        is_left &= ~members
    return found


def wilson_lower_bound(rate: float, n: float, z: float) -> float:
    """The lower end of Wilson's interval of a share `rate` of `n`."""
    centre = rate + z * z / (2 * n)
    margin = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return (centre - margin) / (1 + z * z / n)


@final
@dataclass(frozen=True, eq=False)
class _Group:
    column: GroupColumn
    code: int
    explained: float


def _best_group(columns: Sequence[GroupColumn], mismatch: DoubleArray, is_left: BoolArray, z: float) -> _Group | None:
    if not is_left.any():
        return None
    rate = float(mismatch[is_left].mean())
    best: _Group | None = None
    for column in columns:
        is_in = is_left & (column.codes >= 0)
        codes = column.codes[is_in]
        n = np.bincount(codes, minlength=len(column.values))
        sums = np.bincount(codes, weights=mismatch[is_in], minlength=len(column.values))
        explained = np.where(n >= MIN_PAIRS, sums - rate * n, 0)
        for code in np.argsort(-explained, kind="stable"):
            if explained[code] <= (0 if best is None else best.explained):
                break
            group_rate = min(float(sums[code] / n[code]), 1.0)
            if wilson_lower_bound(group_rate, float(n[code]), z) > rate:
                best = _Group(column, int(code), float(explained[code]))
                break
    return best


def _cause(
    group: _Group, members: BoolArray, columns: Sequence[GroupColumn], mismatch: DoubleArray, is_flagged: BoolArray
) -> Cause:
    n_pairs, mismatches = int(members.sum()), float(mismatch[members].sum())
    return Cause(
        column=group.column.name,
        value=group.column.values[group.code],
        n_pairs=n_pairs,
        n_flagged=int(is_flagged[members].sum()),
        expected_mismatches=mismatches,
        mismatch_rate=mismatches / n_pairs,
        share_of_noise=mismatches / float(mismatch.sum()),
        explained=group.explained,
        also=tuple(_same_pairs(group.column, members, columns)),
    )


def _same_pairs(chosen: GroupColumn, members: BoolArray, columns: Sequence[GroupColumn]) -> list[tuple[str, str]]:
    """Of each other column the group that shares nine tenths of its own and of the members' pairs."""
    found = []
    n_members = members.sum()
    for column in columns:
        if column is chosen:
            continue
        within = np.bincount(column.codes[members & (column.codes >= 0)], minlength=len(column.values))
        if not len(within):
            continue
        code = int(within.argmax())
        n_all = int((column.codes == code).sum())
        if within[code] >= _SAME_PAIRS * max(n_all, n_members):
            found.append((column.name, column.values[code]))
    return found
