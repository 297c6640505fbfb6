"""Report rows as CSV (RFC 4180) that a spreadsheet cannot be made to run."""

import csv
import io
import json
from collections.abc import Callable, Generator, Iterator, Sequence

from app.core.repositories.reports import ReportEntry

# A cell that starts with one of these is a formula, or moves the next sign to the start of a cell. The last four are
# the full-width signs, which some spreadsheets read as the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Batches = Iterator[list[ReportEntry]]


def defused(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would run it."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def encode_csv(batches: Batches, *, raw: bool) -> Generator[bytes, None, None]:
    """The header, then a line a row; a piece a batch.

    Args:
        batches: the rows.
        raw: cells exactly as they were uploaded, for readers that are programs.
    """
    text = verbatim if raw else defused
    yield _lines([ReportEntry._fields])
    for entries in batches:
        yield _lines([_cells(entry, text) for entry in entries])


def verbatim(cell: str) -> str:
    """The cell as it is."""
    return cell


def _cells(entry: ReportEntry, text: Callable[[str], str]) -> Sequence[object]:
    return (
        entry.pair_id,
        text(entry.pair_key),
        entry.rank,
        entry.correspondence,
        entry.correspondence_label,
        "true" if entry.is_mismatch else "false",
        text(entry.caption),
        entry.image_id,
        None if entry.source_id is None else text(entry.source_id),
        text(entry.source_path),
        entry.row_number,
        None if entry.extra is None else json.dumps(entry.extra, ensure_ascii=False),
    )


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
