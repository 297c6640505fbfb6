"""Reads tables of captions, whatever they are written in: delimited, JSON lines or parquet."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from app.core.models import RejectionCode
from worker.pipeline.importing.archive import DamagedMemberError, Member
from worker.pipeline.importing.columns import Columns, choose_columns, has_columns
from worker.pipeline.importing.delimited_manifest import header_delimiter, header_names, read_delimited
from worker.pipeline.importing.json_manifest import read_json_lines
from worker.pipeline.importing.json_values import UnfitJsonError, read_object, storable
from worker.pipeline.importing.lines import Lines
from worker.pipeline.importing.object_rows import object_rows
from worker.pipeline.importing.parquet_table import ParquetTable, text_fault
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, RowFault
from worker.pipeline.importing.source import CorpusSource
from worker.pipeline.importing.text_encoding import UnknownEncodingError, sniff_encoding

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")

TableRows = tuple[Columns, Iterator[CaptionRow]]


def open_lines(source: CorpusSource, member: Member) -> Lines:
    """The lines of a text; the stream is closed with the source.

    Raises:
        ArchiveRefusedError: `manifest_too_large`, or `not_utf8` where the encoding is not read.
        DamagedMemberError: its bytes cannot be read.
    """
    source.check_size(member, source.limits.max_manifest_bytes)
    try:
        lines = Lines(source.resources.enter_context(source.archive.open(member)))
    except UnknownEncodingError as error:
        raise ArchiveRefusedError(RefusalCode.NOT_UTF8, f"{printable(member.name)}: {error}") from error
    source.resources.callback(lines.close)
    return lines


def first_line(source: CorpusSource, member: Member) -> str:
    """The first line of a text as far as its head shows it; empty where it is no text."""
    head = source.head(member)
    try:
        encoding = sniff_encoding(head)
    except UnknownEncodingError:
        return ""
    text = head[encoding.n_mark_bytes :].decode(encoding.codec, encoding.errors)
    return next((line for line in text.splitlines() if line.strip()), "")


def table_names(source: CorpusSource, member: Member) -> list[str]:
    """The columns of a table as far as its head shows them; none where it cannot be told."""
    suffix = PurePosixPath(member.name).suffix.lower()
    if suffix == ".parquet":
        try:
            return ParquetTable(source.seekable(member), member.name, source.limits).names
        except (ArchiveRefusedError, DamagedMemberError):
            return []
    line = first_line(source, member)
    if suffix == ".jsonl":
        try:
            return list(read_object(line))
        except UnfitJsonError:
            return []
    return header_names(line, "\t" if suffix == ".tsv" else header_delimiter(line) or ",")


def has_table_columns(source: CorpusSource, member: Member) -> bool:
    """Whether the head of a table names an image and a caption."""
    return has_columns(table_names(source, member))


def read_table(source: CorpusSource, member: Member) -> TableRows:
    """Read a table of any of these kinds, told by its name's ending.

    Raises:
        ArchiveRefusedError: it cannot be used as a whole.
    """
    suffix = PurePosixPath(member.name).suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(source, member)
    lines = open_lines(source, member)
    if suffix == ".jsonl":
        return read_json_lines(lines, member.name)
    return read_delimited(lines, member.name, delimiter="\t" if suffix == ".tsv" else None)


def _read_parquet(source: CorpusSource, member: Member) -> TableRows:
    table = ParquetTable(source.seekable(member), member.name, source.limits)
    columns = choose_columns(table.names, member.name)
    return columns, _parquet_rows(table, columns, member.name)


def _parquet_rows(table: ParquetTable, columns: Columns, file: str) -> Iterator[CaptionRow]:
    for number, record in enumerate(table.records(), start=1):
        value = storable(record)
        fault = text_fault(value)
        if fault is not None:
            yield CaptionRow(number, None, fault=RowFault(RejectionCode.MALFORMED_ROW, fault), file=file)
            continue
        yield from object_rows(value, columns, number=number, file=file)
