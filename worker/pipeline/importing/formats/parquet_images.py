"""Parquet files with the images inside, as on the Hugging Face Hub and as img2dataset writes them."""

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import pyarrow as pa

from app.core.models import CorpusFormat, RejectionCode
from worker.pipeline.importing.archive import DamagedMemberError, Member
from worker.pipeline.importing.columns import Columns, caption_column, id_column
from worker.pipeline.importing.embedded_images import EmbeddedImages
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.splits import with_split
from worker.pipeline.importing.image_names import is_image_name
from worker.pipeline.importing.json_values import storable
from worker.pipeline.importing.object_rows import object_rows
from worker.pipeline.importing.parquet_table import ParquetTable, text_fault
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, FormatRows, RowFault
from worker.pipeline.importing.source import CorpusSource

Reject = Callable[[int, dict[str, Any]], CaptionRow | None]  # Any: JSON

_BYTES_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "image_bytes", "bytes")
_LOOKED_AT = 20  # files whose columns are read to recognise the format
_LISTED = 5


@final
class ParquetImagesFormat:
    """A column of structs `{bytes, path}`, or of bytes, beside a column of captions."""

    name = CorpusFormat.PARQUET_IMAGES
    layout = "a parquet file, or an archive of them, with an image column of {bytes, path} and a text or list of texts"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by the columns' types."""
        candidates = source.with_suffix(".parquet")
        tables = {one.name: _table_or_none(source, one) for one in candidates[:_LOOKED_AT]}
        found = [one for one in candidates[:_LOOKED_AT] if image_column(tables[one.name]) is not None]
        if not found:
            return None
        # A file that cannot be opened is read with the others, which refuses it by its name: it may be a part of them.
        unread = [one for one in candidates if tables.get(one.name) is None]
        names = ", ".join(printable(one.name) for one in found[:_LISTED])
        return Match(Strength.CERTAIN, f"{names} has a column with images inside", [*found, *unread])

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read every file in turn; images are copied out on the way.

        Raises:
            ArchiveRefusedError: `no_caption_column`, or a file cannot be read.
        """
        images = EmbeddedImages(source, match.files)
        columns = table_columns(open_table(source, match.files[0]), match.files[0])
        rows = _rows(source, match.files, images)
        return FormatRows(columns, rows, images, {member.name for member in match.files})


def open_table(source: CorpusSource, member: Member) -> ParquetTable:
    """A parquet member, opened.

    Raises:
        ArchiveRefusedError: it cannot be read.
    """
    return ParquetTable(source.seekable(member), member.name, source.limits)


def image_column(table: ParquetTable | None) -> str | None:
    """The column that holds images themselves."""
    if table is None:
        return None
    structs = [name for name, kind in table.types.items() if _is_image_struct(kind)]
    named = [name for name in _BYTES_NAMES if name in table.types and _is_bytes(table.types[name])]
    return next(iter([*structs, *named]), None)


def table_columns(table: ParquetTable, member: Member) -> Columns:
    """Image, caption and id of a table with images inside.

    Raises:
        ArchiveRefusedError: `no_caption_column` or `no_image_column`.
    """
    image = image_column(table)
    caption = caption_column([name for name in table.names if name != image])
    found = ", ".join(printable(name) for name in table.names[:10])
    if image is None:
        raise ArchiveRefusedError(
            RefusalCode.NO_IMAGE_COLUMN, f"{printable(member.name)} has no column with images inside: it has {found}"
        )
    if caption is None:
        raise ArchiveRefusedError(
            RefusalCode.NO_CAPTION_COLUMN,
            f"{printable(member.name)} has no caption column: its columns are {found}; expected one such as caption or "
            "text",
        )
    return Columns(image=image, caption=caption, id=id_column(table.names))


def table_rows(
    table: ParquetTable, member: Member, images: EmbeddedImages, reject: Reject = lambda _number, _record: None
) -> Iterator[CaptionRow]:
    """The captions of a table.

    Args:
        table: opened from `member`.
        member: its name is that of the rows' file.
        images: each image inside becomes a member of it.
        reject: given the number of a record and the record as JSON, its row where it is rejected for other reasons.
    """
    columns = table_columns(table, member)
    for number, record in enumerate(table.records(with_images=True), start=1):
        cell = _Cell.of(record.pop(columns.image))
        value = storable(record)
        fault = text_fault(value)
        if fault is not None:
            yield CaptionRow(number, None, fault=RowFault(RejectionCode.MALFORMED_ROW, fault), file=member.name)
            continue
        rejected = reject(number, value)
        if rejected is not None:
            yield rejected
            continue
        name = None
        if cell.data is not None:
            name = f"{member.name}/{number}{cell.suffix}"
            images.add(name, cell.data)
        for row in object_rows(value, columns, number=number, file=member.name):
            yield _with_image(row, cell, name)


@dataclass(frozen=True)
class _Cell:
    """An image inside a table: its bytes, and the path that it once had."""

    data: bytes | None
    path: str | None

    @classmethod
    def of(cls, value: Any) -> "_Cell":  # Any: typed cell
        if isinstance(value, dict):
            data, path = value.get("bytes"), value.get("path")
            sound_path = path if isinstance(path, str) and path and text_fault({"path": path}) is None else None
            return cls(data if isinstance(data, bytes) else None, sound_path)
        return cls(value if isinstance(value, bytes) else None, None)

    @property
    def suffix(self) -> str:
        return posixpath.splitext(self.path)[1] if self.path and is_image_name(self.path) else ""


def _with_image(row: CaptionRow, cell: _Cell, name: str | None) -> CaptionRow:
    if name is not None:
        return replace(row, image=cell.path or name, member=name)
    if cell.path is not None:  # the bytes may lie beside the table
        return replace(row, image=cell.path)
    missing = replace(row, member="")
    if row.fault is not None:
        return missing
    return missing.rejected(RowFault(RejectionCode.MISSING_IMAGE, "the row holds no image"))


def _rows(source: CorpusSource, members: Sequence[Member], images: EmbeddedImages) -> Iterator[CaptionRow]:
    for member in members:
        yield from with_split(table_rows(open_table(source, member), member, images), member.name)


def _table_or_none(source: CorpusSource, member: Member) -> ParquetTable | None:
    try:
        return open_table(source, member)
    except (ArchiveRefusedError, DamagedMemberError):
        return None


def _is_image_struct(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind)) and kind.get_field_index("bytes") >= 0 and _is_bytes(kind.field("bytes").type)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))
