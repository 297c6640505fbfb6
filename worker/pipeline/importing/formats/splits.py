"""Which split of a corpus a file belongs to, by its folder or its name."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from worker.pipeline.importing.rows import CaptionRow

_SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
}
_SHARD = re.compile(r"([a-z]+)-\d{5}-of-\d{5}")  # `train-00000-of-00004.parquet`


def split_of(file: str) -> str | None:
    """The split that the nearest folder so named, or the name of a shard, says."""
    matched = _SHARD.match(posixpath.basename(file).lower())
    parts = [*file.lower().split("/")[:-1], matched[1] if matched else ""]
    return next((_SPLITS[part] for part in reversed(parts) if part in _SPLITS), None)


def with_split(rows: Iterator[CaptionRow], file: str) -> Iterator[CaptionRow]:
    """Rows with the split of their file as a column, where they have none of their own."""
    split = split_of(file)
    for row in rows:
        has_own = split is None or row.fault is not None or "split" in (row.extra or {})
        yield row if has_own else replace(row, extra={**(row.extra or {}), "split": split})
