"""Proposed repairs as CSV (RFC 4180) that a spreadsheet cannot be made to run."""

import csv
import io
from collections.abc import Generator, Iterator, Sequence

from app.core.repositories.repairs import RepairPairEntry
from app.spreadsheets import defused


def encode_repairs_csv(batches: Iterator[list[RepairPairEntry]], *, raw: bool) -> Generator[bytes, None, None]:
    """The header, then a line a pair, proposal by proposal; a piece a batch.

    Args:
        batches: the pairs.
        raw: cells exactly as they were uploaded, for readers that are programs.
    """
    yield _lines([RepairPairEntry._fields])
    for entries in batches:
        yield _lines([[value if raw else _cell(value) for value in entry] for entry in entries])


def _cell(value: object) -> object:
    return defused(value) if isinstance(value, str) else value


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
