"""A manifest in CSV or TSV."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.core.models import RejectionCode
from worker.pipeline.importing.columns import Columns, choose_columns, has_columns
from worker.pipeline.importing.delimited_records import Record, read_records
from worker.pipeline.importing.lines import Lines
from worker.pipeline.importing.printable_text import is_valid_text, printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, RowFault

CSV_DELIMITERS = (",", ";", "\t", "|")
# Every row keeps its other columns by name, so a header of commas alone would fill the memory row by row.
_MAX_COLUMNS = 1_000


def read_delimited(
    lines: Lines, manifest: str, *, delimiter: str | None = None, is_spaced: bool = False
) -> tuple[Columns, Iterator[CaptionRow]]:
    """Read the header, and then the rows one by one.

    Args:
        lines: the table.
        manifest: its name.
        delimiter: None = the first of comma, semicolon, tab and bar under which the header names an image and a
            caption.
        is_spaced: a space behind each delimiter belongs to the delimiter.

    Raises:
        ArchiveRefusedError: the header cannot be used.
    """
    if delimiter is None:
        first = lines.next()
        lines.give_back([] if first is None else [first])
        delimiter = header_delimiter("" if first is None else first.text) or CSV_DELIMITERS[0]
    header = next(_records(lines, delimiter, is_spaced=is_spaced), Record([]))
    if header.fault is not None:
        raise ArchiveRefusedError(
            RefusalCode.NO_CAPTION_COLUMN, f"{printable(manifest)}: its header cannot be read: {header.fault}"
        )
    names = header.fields
    if not all(is_valid_text(name) and "\0" not in name for name in names):
        raise ArchiveRefusedError(
            RefusalCode.NOT_UTF8,
            f"{printable(manifest)}: its header is neither UTF-8 nor UTF-16 text; save the table as UTF-8",
        )
    if len(names) > _MAX_COLUMNS:
        raise ArchiveRefusedError(
            RefusalCode.TOO_MANY_COLUMNS,
            f"{printable(manifest)} has {len(names)} columns, at most {_MAX_COLUMNS} are allowed",
        )
    columns = choose_columns(names, manifest)
    return columns, _rows(_records(lines, delimiter, is_spaced=is_spaced), names, columns, manifest)


def header_delimiter(header: str) -> str | None:
    """The delimiter under which a first line names an image and a caption; None where there is none."""
    return next((one for one in CSV_DELIMITERS if has_columns(header_names(header, one))), None)


def header_names(header: str, delimiter: str) -> list[str]:
    """The names that a first line holds under a delimiter; none where its quotes do not fit."""
    try:
        return next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _records(lines: Lines, delimiter: str, *, is_spaced: bool) -> Iterator[Record]:
    for record in read_records(lines, delimiter):
        fields = [field.removeprefix(" ") for field in record.fields] if is_spaced else record.fields
        yield replace(record, fields=fields)


def _rows(records: Iterator[Record], names: Sequence[str], columns: Columns, manifest: str) -> Iterator[CaptionRow]:
    image_place = names.index(columns.image)
    caption_places = [names.index(name) for name in columns.captions]
    id_place = None if columns.id is None else names.index(columns.id)
    extra_places = _extra_places(names, {image_place, id_place, *caption_places})
    for number, record in enumerate(records, start=1):
        fields = record.fields
        image = fields[image_place] if len(fields) > image_place else None
        fault = _fault(record, len(names))
        if fault is not None:
            yield CaptionRow(number, image, fault=fault, file=manifest, byte_offset=record.offset)
            continue
        captions = [fields[place] for place in caption_places]
        for caption in filled_captions(captions):
            yield CaptionRow(
                number,
                image,
                caption=caption,
                source_id=None if id_place is None else fields[id_place],
                extra={name: fields[place] for name, place in extra_places.items()} or None,
                file=manifest,
                byte_offset=record.offset,
            )


def filled_captions(captions: Sequence[str]) -> list[str]:
    """Of several caption columns those with a text; one empty caption where none has, so that the row is told."""
    return [caption for caption in captions if caption.strip()] or [""]


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
