"""Hugging Face's imagefolder: a metadata file in the folder of its images, or above."""

import posixpath
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import final

from app.core.models import CorpusFormat
from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.columns import Columns, choose_columns
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.splits import with_split
from worker.pipeline.importing.formats.tables import TABLE_SUFFIXES, has_table_columns, read_table, table_names
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import CaptionRow, FormatRows
from worker.pipeline.importing.source import CorpusSource

_LOOKED_AT = 1_000  # metadata files; one a folder


@final
class ImageFolderFormat:
    """`metadata.csv`, `.jsonl` or `.parquet` with `file_name`, one a folder; the folder's name gives the split."""

    name = CorpusFormat.IMAGEFOLDER
    layout = (
        "folders of images, each with a metadata.csv, .jsonl or .parquet that has the column file_name, relative to "
        "it, and a caption column or caption_0, caption_1, ..."
    )

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by names and columns."""
        named = [one for one in source.with_suffix(*TABLE_SUFFIXES) if _is_metadata(one)]
        looked_at = named[:_LOOKED_AT]
        found = [one for one in looked_at if "file_name" in table_names(source, one) and has_table_columns(source, one)]
        if not found:
            return None
        names = ", ".join(printable(one.name) for one in found[:5])
        why = f"{names} has the column file_name and a caption column"
        return Match(Strength.CERTAIN, why, [*found, *named[_LOOKED_AT:]])

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read every metadata file in turn.

        Raises:
            ArchiveRefusedError: one of them cannot be used as a whole.
        """
        first = match.files[0]
        columns: Columns = choose_columns(table_names(source, first), first.name)
        return FormatRows(columns, _rows(source, match.files), source.archive, {member.name for member in match.files})


def _is_metadata(member: Member) -> bool:
    return posixpath.basename(member.name).lower().startswith("metadata")


def _rows(source: CorpusSource, members: Sequence[Member]) -> Iterator[CaptionRow]:
    return chain.from_iterable(with_split(read_table(source, member)[1], member.name) for member in members)
