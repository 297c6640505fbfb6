"""What img2dataset leaves behind: shards as folders, tars or parquet files, with a table that says what failed."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, final

from app.core.models import CorpusFormat, RejectionCode
from worker.pipeline.importing.archive import Archive, Member
from worker.pipeline.importing.columns import Columns
from worker.pipeline.importing.embedded_images import EmbeddedImages
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.parquet_images import image_column, open_table, table_columns, table_rows
from worker.pipeline.importing.formats.samples import Sample, by_first_dot, group_samples
from worker.pipeline.importing.formats.tables import table_names
from worker.pipeline.importing.formats.webdataset import key_rows
from worker.pipeline.importing.json_values import storable
from worker.pipeline.importing.nested_tars import ShardedArchive, find_shards
from worker.pipeline.importing.object_rows import id_text
from worker.pipeline.importing.parquet_table import text_fault
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import CaptionRow, FormatRows, RowFault
from worker.pipeline.importing.source import CorpusSource

_STATS = re.compile(r"\d+_stats\.json")
_SHARD = re.compile(r"\d+\.parquet")
_SUCCESS = "success"
_TOLD = ("key", "status", "error_message", "url")


@final
class Img2DatasetFormat:
    """`00000.tar`, `00000/` or images in `00000.parquet`; rows that were not downloaded are rejected as such."""

    name = CorpusFormat.IMG2DATASET
    layout = (
        "img2dataset's output (files, webdataset or parquet): shards with 00000.parquet and its columns key, status"
    )

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by the table of the first shard."""
        tables = [one for one in source.with_suffix(".parquet") if _SHARD.fullmatch(posixpath.basename(one.name))]
        if not tables or not {"key", "status"} <= set(table_names(source, tables[0])):
            return None
        return Match(Strength.CERTAIN, f"{printable(tables[0].name)} has img2dataset's columns key and status", tables)

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read the shards, and then what their tables say of rows without files.

        Raises:
            ArchiveRefusedError: a shard or a table cannot be read.
        """
        files = {member.name for member in match.files}
        files |= {name for name in source.members if _STATS.fullmatch(posixpath.basename(name))}
        first = open_table(source, match.files[0])
        if image_column(first) is not None:
            images = EmbeddedImages(source, match.files)
            columns = table_columns(first, match.files[0])
            return FormatRows(columns, _rows_with_images(source, match.files, images), images, files)
        shards = find_shards(source)
        archive: Archive = ShardedArchive(source, shards) if shards else source.archive
        samples = group_samples(archive.members, by_first_dot)
        kept = [sample for sample in samples.values() if sample.images or sample.texts.keys() - {".json"}]
        rows = chain(key_rows(archive, kept, files), _rows_without_files(source, match.files, kept))
        return FormatRows(Columns("image", "caption", "key"), rows, archive, files)


def _rows_with_images(source: CorpusSource, tables: Sequence[Member], images: EmbeddedImages) -> Iterator[CaptionRow]:
    for member in tables:
        yield from table_rows(open_table(source, member), member, images, partial(_not_downloaded, member.name))


def _not_downloaded(file: str, number: int, value: dict[str, Any]) -> CaptionRow | None:  # Any: JSON
    fault = _download_fault(value)
    return None if fault is None else _failed(number, value, file, fault)


def _rows_without_files(
    source: CorpusSource, tables: Sequence[Member], samples: Sequence[Sample]
) -> Iterator[CaptionRow]:
    """Rows of the tables whose key has no files: those that failed, and those that should have some."""
    keys = {posixpath.basename(sample.key) for sample in samples}
    for member in tables:
        table = open_table(source, member)
        for number, record in enumerate(table.records([name for name in _TOLD if name in table.names]), start=1):
            value = storable(record)
            if text_fault(value) is not None:
                value = {}
            fault = _download_fault(value)
            if fault is None and id_text(value.get("key")) not in keys:
                fault = RowFault(RejectionCode.MISSING_IMAGE, f"key {value.get('key')} has no files in the archive")
            if fault is not None:
                yield _failed(number, value, member.name, fault)


def _download_fault(value: dict[str, Any]) -> RowFault | None:  # Any: JSON
    status = value.get("status")
    if status in (None, _SUCCESS):
        return None
    why = value.get("error_message")
    return RowFault(
        RejectionCode.NOT_DOWNLOADED, printable(f"img2dataset says {status}{'' if why is None else f': {why}'}")
    )


def _failed(number: int, value: dict[str, Any], file: str, fault: RowFault) -> CaptionRow:  # Any: JSON
    url = value.get("url")
    return CaptionRow(number, url if isinstance(url, str) else None, fault=fault, file=file, member="")
