"""A manifest in CSV or TSV."""

import csv
from collections.abc import Iterator, Sequence

from app.core.models import RejectionCode
from worker.pipeline.importing.columns import Columns, choose_columns, has_columns
from worker.pipeline.importing.delimited_records import Record, read_records
from worker.pipeline.importing.lines import Lines
from worker.pipeline.importing.printable_text import is_valid_text, printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, RowFault

# Every row keeps its other columns by name, so a header of commas alone would fill the memory row by row.
_MAX_COLUMNS = 1_000
_CSV_DELIMITERS = (",", ";", "\t", "|")


def read_delimited(lines: Lines, manifest: str, *, is_tsv: bool) -> tuple[Columns, Iterator[CaptionRow]]:
    """Read the header, and then the rows one by one.

    Args:
        lines: the table.
        manifest: its name, for messages.
        is_tsv: tab separated. Otherwise the first of comma, semicolon, tab and bar under which the header names an
            image and a caption.

    Raises:
        ArchiveRefusedError: the header cannot be used.
    """
    delimiter = "\t" if is_tsv else _csv_delimiter(lines)
    header = next(read_records(lines, delimiter), Record([]))
    if header.fault is not None:
        raise ArchiveRefusedError(
            RefusalCode.NO_CAPTION_COLUMN, f"{printable(manifest)}: its header cannot be read: {header.fault}"
        )
    names = header.fields
    if not all(is_valid_text(name) and "\0" not in name for name in names):
        raise ArchiveRefusedError(
            RefusalCode.NOT_UTF8, f"{printable(manifest)}: its header is not UTF-8 text; save the table as UTF-8"
        )
    if len(names) > _MAX_COLUMNS:
        raise ArchiveRefusedError(
            RefusalCode.TOO_MANY_COLUMNS,
            f"{printable(manifest)} has {len(names)} columns, at most {_MAX_COLUMNS} are allowed",
        )
    columns = choose_columns(names, manifest)
    records = read_records(lines, delimiter)
    return columns, _rows(records, names, columns)


def _csv_delimiter(lines: Lines) -> str:
    first = lines.next()
    if first is None:
        return _CSV_DELIMITERS[0]
    lines.give_back([first])
    for delimiter in _CSV_DELIMITERS:
        try:
            names = next(csv.reader([first.text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        if has_columns(names):
            return delimiter
    return _CSV_DELIMITERS[0]


def _rows(records: Iterator[Record], names: Sequence[str], columns: Columns) -> Iterator[CaptionRow]:
    places = {"image": names.index(columns.image), "caption": names.index(columns.caption)}
    id_place = None if columns.id is None else names.index(columns.id)
    extra_places = _extra_places(names, {*places.values(), id_place})
    for number, record in enumerate(records, start=1):
        fields = record.fields
        image = fields[places["image"]] if len(fields) > places["image"] else None
        fault = _fault(record, len(names))
        if fault is not None:
            yield CaptionRow(number, image, fault=fault)
            continue
        yield CaptionRow(
            number,
            image,
            caption=fields[places["caption"]],
            source_id=None if id_place is None else fields[id_place],
            extra={name: fields[place] for name, place in extra_places.items()} or None,
        )


def _extra_places(names: Sequence[str], taken: set[int | None]) -> dict[str, int]:
    """Place of each other column; a name that stands twice gets `#2` at its second place."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if place in taken:
            continue
        key, n = name, 1
        while key in places:
            n += 1
            key = f"{name}#{n}"
        places[key] = place
    return places


def _fault(record: Record, n_columns: int) -> RowFault | None:
    if record.fault is not None:
        return RowFault(RejectionCode.MALFORMED_ROW, f"the row cannot be read: {record.fault}")
    if len(record.fields) != n_columns:
        return RowFault(
            RejectionCode.MALFORMED_ROW, f"the row has {len(record.fields)} columns, expected {n_columns} as the header"
        )
    if not all(map(is_valid_text, record.fields)):
        return RowFault(RejectionCode.NOT_UTF8, "the row holds bytes that are not UTF-8 text")
    if any("\0" in field for field in record.fields):
        return RowFault(RejectionCode.MALFORMED_ROW, "the row holds a NUL character")
    return None
