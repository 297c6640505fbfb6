"""Report rows as CSV (RFC 4180) that a spreadsheet cannot be made to run."""

import csv
import io
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from app.core.repositories.reports import ReportEntry
from app.spreadsheets import defused

Batches = Iterator[list[ReportEntry]]


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
        _json(entry.extra),
        entry.reason_code,
        _json(entry.evidence),
        None if entry.best_caption is None else text(entry.best_caption),
        entry.best_caption_correspondence,
        entry.repair_image_id,
        None if entry.is_near_duplicate is None else str(entry.is_near_duplicate).lower(),
        entry.near_duplicate_set,
        entry.correspondence_low,
        entry.correspondence_high,
        entry.expected_precision_at_cut,
        entry.lemon_score,
        entry.similarity_score,
        entry.caption_place,
        entry.base_correspondence,
        entry.change,
    )


def _json(value: dict[str, Any] | None) -> str | None:  # Any: JSON
    # It begins with a brace, so no spreadsheet runs it.
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
