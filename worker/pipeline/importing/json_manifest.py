"""A manifest in JSON lines: one object a line, with one caption or a list of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from app.core.models import RejectionCode
from worker.pipeline.importing.columns import Columns, choose_columns
from worker.pipeline.importing.json_values import UnfitJsonError, read_object
from worker.pipeline.importing.lines import MAX_LINE_CHARS, Line, Lines
from worker.pipeline.importing.object_rows import object_rows
from worker.pipeline.importing.printable_text import is_valid_text
from worker.pipeline.importing.rows import CaptionRow, RowFault

_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    offset: int
    value: dict[str, Any] | None  # Any: JSON
    fault: RowFault | None = None


def read_json_lines(lines: Lines, manifest: str) -> tuple[Columns, Iterator[CaptionRow]]:
    """Choose the keys from the first 100 lines, and then read the rows one by one.

    Raises:
        ArchiveRefusedError: no caption or image key.
    """
    entries = _entries(lines)
    first = list(islice(entries, _LOOKED_AT))
    names = list(dict.fromkeys(chain.from_iterable(entry.value or () for entry in first)))
    columns = choose_columns(names, manifest)
    return columns, chain.from_iterable(_rows(entry, columns, manifest) for entry in chain(first, entries))


def _rows(entry: _Entry, columns: Columns, manifest: str) -> Iterator[CaptionRow]:
    if entry.value is None:
        yield CaptionRow(entry.number, None, fault=entry.fault, file=manifest, byte_offset=entry.offset)
        return
    yield from object_rows(entry.value, columns, number=entry.number, file=manifest, byte_offset=entry.offset)


def _entries(lines: Lines) -> Iterator[_Entry]:
    number = 0
    while (line := lines.next()) is not None:
        if line.is_overlong or line.text.strip():
            number += 1
            yield _entry(number, line)


def _entry(number: int, line: Line) -> _Entry:
    if line.is_overlong:
        reason = f"the line is longer than {MAX_LINE_CHARS} characters"
        return _Entry(number, line.offset, None, RowFault(RejectionCode.MALFORMED_ROW, reason))
    if not is_valid_text(line.text):
        return _Entry(
            number, line.offset, None, RowFault(RejectionCode.NOT_UTF8, "the row holds bytes that are not UTF-8 text")
        )
    try:
        return _Entry(number, line.offset, read_object(line.text))
    except UnfitJsonError as error:
        code = RejectionCode.NOT_UTF8 if error.is_encoding else RejectionCode.MALFORMED_ROW
        return _Entry(number, line.offset, None, RowFault(code, f"the row cannot be read: {error}"))
