"""A manifest in JSON lines: one object a line, with one caption or a list of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from app.core.models import RejectionCode
from worker.pipeline.importing.columns import Columns, choose_columns
from worker.pipeline.importing.json_values import UnfitJsonError, read_object
from worker.pipeline.importing.lines import MAX_LINE_CHARS, Line, Lines
from worker.pipeline.importing.printable_text import is_valid_text, printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, RowFault

_LOOKED_AT = 100
_UTF16_MARKS = ("\udcff\udcfe", "\udcfe\udcff")


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    value: dict[str, Any] | None  # Any: JSON
    fault: RowFault | None = None


def read_json_lines(lines: Lines, manifest: str) -> tuple[Columns, Iterator[CaptionRow]]:
    """Choose the keys from the first 100 lines, and then read the rows one by one.

    Raises:
        ArchiveRefusedError: no caption or image key, or the file is UTF-16.
    """
    entries = _entries(lines, manifest)
    first = list(islice(entries, _LOOKED_AT))
    names = list(dict.fromkeys(chain.from_iterable(entry.value or () for entry in first)))
    columns = choose_columns(names, manifest)
    return columns, chain.from_iterable(_rows(entry, columns) for entry in chain(first, entries))


def _entries(lines: Lines, manifest: str) -> Iterator[_Entry]:
    number = 0
    while (line := lines.next()) is not None:
        if number == 0 and line.text.startswith(_UTF16_MARKS):
            raise ArchiveRefusedError(
                RefusalCode.NOT_UTF8, f"{printable(manifest)}: it is UTF-16 text; save it as UTF-8"
            )
        if line.is_overlong or line.text.strip():
            number += 1
            yield _entry(number, line)


def _entry(number: int, line: Line) -> _Entry:
    if line.is_overlong:
        reason = f"the line is longer than {MAX_LINE_CHARS} characters"
        return _Entry(number, None, RowFault(RejectionCode.MALFORMED_ROW, reason))
    if not is_valid_text(line.text):
        return _Entry(number, None, RowFault(RejectionCode.NOT_UTF8, "the row holds bytes that are not UTF-8 text"))
    try:
        return _Entry(number, read_object(line.text))
    except UnfitJsonError as error:
        code = RejectionCode.NOT_UTF8 if error.is_encoding else RejectionCode.MALFORMED_ROW
        return _Entry(number, None, RowFault(code, f"the row cannot be read: {error}"))


def _rows(entry: _Entry, columns: Columns) -> Iterator[CaptionRow]:
    if entry.value is None:
        yield CaptionRow(entry.number, None, fault=entry.fault)
        return
    image = entry.value.get(columns.image)
    captions = entry.value.get(columns.caption)
    taken = {columns.image, columns.caption, columns.id}
    extra = {key: value for key, value in entry.value.items() if key not in taken} or None
    for caption in captions if isinstance(captions, list) and captions else [captions]:
        fault = _fault(image, caption, columns)
        yield CaptionRow(
            entry.number,
            image if isinstance(image, str) else None,
            caption=caption if isinstance(caption, str) else "",
            source_id=None if columns.id is None else _id_text(entry.value.get(columns.id)),
            extra=extra,
            fault=fault,
        )


def _fault(image: Any, caption: Any, columns: Columns) -> RowFault | None:  # Any: JSON
    if image is not None and not isinstance(image, str):
        return RowFault(RejectionCode.MALFORMED_ROW, f"{printable(columns.image)} is not a text")
    if caption is not None and caption != [] and not isinstance(caption, str):
        return RowFault(RejectionCode.MALFORMED_ROW, f"{printable(columns.caption)} is not a text or a list of texts")
    return None


def _id_text(value: Any) -> str | None:  # Any: JSON
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
