"""Groups of pairs that may share a cause: by folder, by the captions' template and length, by any column."""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self, final

import numpy as np

from crcl_core.types import IntArray

_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_NAME = re.compile(r"(?<=\S )(?:[A-Z][\w'-]*)(?: [A-Z][\w'-]*)*")
_OPENING_WORDS = 2
_MAX_DEPTH = 4
# (at most, name); the words of a caption.
_LENGTH_BANDS = ((2, "1-2 words"), (5, "3-5 words"), (10, "6-10 words"), (20, "11-20 words"), (40, "21-40 words"))
_LONGEST = "41 or more words"
# A column with more values than this tells pairs apart rather than groups them.
MAX_VALUES = 1_000
MIN_MEAN_GROUP = 5


@final
@dataclass(frozen=True, eq=False)
class GroupColumn:
    """To which group each of N pairs belongs.

    Attributes:
        name: What the groups are groups of.
        codes: (N,) int64, positions in `values`; -1 = in none.
        values: The groups' names.
    """

    name: str
    codes: IntArray
    values: tuple[str, ...]

    @classmethod
    def of(cls, name: str, values: Iterable[Hashable]) -> Self:
        """The column of N values, of which None is no group."""
        numbers: dict[Hashable, int] = {}
        codes = np.array(
            [-1 if value is None else numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64
        )
        return cls(name, codes, tuple(str(value) for value in numbers))

    @property
    def is_grouping(self) -> bool:
        """Whether it has few enough values to be groups, and more than one."""
        n_named = int((self.codes >= 0).sum())
        n_values = len(self.values) + int(n_named < len(self.codes))
        return 2 <= n_values <= MAX_VALUES and n_named >= MIN_MEAN_GROUP * len(self.values)


def folder_columns(source_paths: Sequence[str]) -> list[GroupColumn]:
    """The images' folders, a column for each depth up to four; a folder's group holds its subfolders' pairs too."""
    parents = [PurePosixPath(path).parent.parts for path in source_paths]
    return [
        GroupColumn.of("folder", ["/".join(parts[:depth]) if len(parts) >= depth else None for parts in parents])
        for depth in range(1, min(_MAX_DEPTH, max(map(len, parents), default=0)) + 1)
    ]


def caption_columns(captions: Sequence[str], caption_index: IntArray) -> list[GroupColumn]:
    """The captions' template, their first two words, and their length in words.

    Args:
        captions: C, the distinct ones.
        caption_index: (N,).
    """
    features: dict[str, list[str | None]] = {
        "caption_template": [caption_template(caption) for caption in captions],
        "caption_opening": [_opening(caption) for caption in captions],
        "caption_length": [length_band(caption) for caption in captions],
    }
    columns = []
    for name, values in features.items():
        distinct = GroupColumn.of(name, values)
        columns.append(_frequent(GroupColumn(name, distinct.codes[caption_index], distinct.values)))
    return columns


def caption_template(caption: str) -> str:
    """The caption with its numbers as `<number>` and its proper names, capitalised words within it, as `<name>`."""
    return _NUMBER.sub("<number>", _NAME.sub("<name>", " ".join(caption.split())))


def length_band(caption: str) -> str:
    """Between which numbers of words the caption has."""
    n_words = len(caption.split())
    return next((name for most, name in _LENGTH_BANDS if n_words <= most), _LONGEST)


def _opening(caption: str) -> str | None:
    words = _NUMBER.sub("<number>", caption.lower()).split()
    return " ".join(words[:_OPENING_WORDS]) + " ..." if len(words) > _OPENING_WORDS else None


def _frequent(column: GroupColumn) -> GroupColumn:
    """Its `MAX_VALUES` largest groups: most templates stand once only, and would hide those that do not."""
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    largest = [int(code) for code in np.argsort(-counts, kind="stable")[:MAX_VALUES] if counts[code] >= MIN_MEAN_GROUP]
    renumbered = np.full(len(column.values) + 1, -1, dtype=np.int64)  # the last one is of -1
    renumbered[largest] = np.arange(len(largest))
    return GroupColumn(column.name, renumbered[column.codes], tuple(column.values[code] for code in largest))
