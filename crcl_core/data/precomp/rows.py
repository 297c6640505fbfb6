"""Which row of a feature file belongs to which caption, and which rows are the same image."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from crcl_core.data.npy_files import NumberMap
from crcl_core.types import IntArray

# Rows whose first bytes differ are different; only the others are read whole.
_PROBED_BYTES = 128


def rows_of_captions(n_rows: int, n_captions: int, ids: Sequence[str] | None, path: Path) -> IntArray:
    """Finds the row of each caption from the counts and, where there are ids of captions, from those.

    Args:
        n_rows: Rows of the feature file.
        n_captions: N.
        ids: Lines of the id file: one a row, one a caption, or one an image that the file repeats.
        path: The feature file, for messages.

    Returns:
        (N,) int64. As many rows as captions belong to each other in order. Where every caption has the id of its
        image, images are counted by first appearance. Else captions are those of each image in turn, as many of each.

    Raises:
        ValueError: None of that fits the counts.
    """
    if n_rows == n_captions:
        return np.arange(n_captions, dtype=np.int64)
    if ids is not None and len(ids) == n_captions:
        number_of: dict[str, int] = {}
        rows = np.array([number_of.setdefault(image, len(number_of)) for image in ids], dtype=np.int64)
        if len(number_of) == n_rows:
            return rows
        is_of_captions = len(number_of) == n_captions
    else:
        is_of_captions = False
    n_each, n_left_over = divmod(n_captions, n_rows)
    if n_left_over or not n_each or not (ids is None or is_of_captions or len(ids) == n_rows):
        expected = "as many rows as captions, or a whole number of captions for each row"
        raise ValueError(f"{_counts(path, n_rows, n_captions, ids)}; expected {expected}, and ids that agree")
    return np.arange(n_captions, dtype=np.int64) // n_each


def first_equal_rows(features: NumberMap, path: Path) -> IntArray:
    """Finds the first row with the same features as each row, reading little of a large file.

    Args:
        features: (rows, ...) mapped from `path`, row-major.
        path: The file; rows are probed through it, because pages of the map come with their neighbours.

    Returns:
        (rows,) int64, each at most its own position; equal to it where no earlier row has the very same bytes.
    """
    first_by_probe: dict[bytes, int] = {}
    first_by_digest: dict[bytes, int] = {}
    first_rows = np.arange(len(features), dtype=np.int64)
    for row, probe in enumerate(_probes(features, path)):
        first = first_by_probe.setdefault(probe, row)
        if first != row:
            # The first row with this probe is hashed only now that another one has it too.
            first_by_digest.setdefault(_digest(features, first), first)
            first_rows[row] = first_by_digest.setdefault(_digest(features, row), row)
    return first_rows


def n_repeats(first_rows: IntArray) -> int:
    """How often in a row a feature file holds each image: the most of which every run of equals is a multiple.

    Args:
        first_rows: (rows,) of `first_equal_rows`, at least one.
    """
    runs = np.diff(np.flatnonzero(np.diff(first_rows, prepend=-1, append=-1)))
    return int(np.gcd.reduce(runs))


def require_ids_agree(ids: Sequence[str], image_of_row: IntArray, path: Path) -> None:
    """Checks that rows with one id are one image; two ids of one image are fine, it was collected twice.

    Args:
        ids: One a row.
        image_of_row: (rows,) the image that each row is, by its features.
        path: The feature file, for messages.

    Raises:
        ValueError: Two rows with one id have different features.
    """
    row_of: dict[str, int] = {}
    for row, image in enumerate(ids):
        first = row_of.setdefault(image, row)
        if image_of_row[first] != image_of_row[row]:
            raise ValueError(
                f"{path} rows {first} and {row} have the same id {image!r} and different features, expected equal ones"
            )


def _counts(path: Path, n_rows: int, n_captions: int, ids: Sequence[str] | None) -> str:
    n_ids = "no ids" if ids is None else f"{len(ids)} ids ({len(set(ids))} distinct)"
    return f"{path} has {n_rows} rows for {n_captions} captions and {n_ids}"


def _probes(features: NumberMap, path: Path) -> Iterator[bytes]:
    n_bytes = features.nbytes // len(features)
    with path.open("rb", buffering=0) as file:
        for row in range(len(features)):
            file.seek(features.offset + row * n_bytes)
            yield file.read(min(_PROBED_BYTES, n_bytes))


def _digest(features: NumberMap, row: int) -> bytes:
    return hashlib.sha256(features[row].tobytes()).digest()
