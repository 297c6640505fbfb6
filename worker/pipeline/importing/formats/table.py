"""One table of captions beside or above the images; also open_clip's."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import final

from app.core.models import CorpusFormat
from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.delimited_manifest import header_names, read_delimited
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.tables import (
    TABLE_SUFFIXES,
    first_line,
    has_table_columns,
    open_lines,
    read_table,
)
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import FormatRows
from worker.pipeline.importing.source import CorpusSource

_STEM = "captions"
_LISTED = 5
_LOOKED_AT = 50  # tables whose head is read; of more, the names decide


@final
class TableFormat:
    """`captions.csv`, `.tsv`, `.jsonl` or `.parquet` at the shallowest level, else the only usable table."""

    name = CorpusFormat.TABLE
    layout = (
        "images and one captions.csv, .tsv, .jsonl or .parquet with an image column and a caption column, or the only "
        "such table of any name"
    )

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain where a table of that name has both columns; possible where any table is there at all."""
        texts = source.with_suffix(".txt")[:_LOOKED_AT]  # most are no tables, so only those that look like one count
        tables = [*source.with_suffix(*TABLE_SUFFIXES), *(one for one in texts if has_table_columns(source, one))]
        named = _shallowest([one for one in tables if PurePosixPath(one.name).stem.lower() == _STEM])
        candidates = named or tables
        if not candidates:
            return None
        usable = [one for one in candidates[:_LOOKED_AT] if has_table_columns(source, one)]
        names = ", ".join(printable(one.name) for one in (usable or candidates)[:_LISTED])
        if len(usable) == 1 and (not named or len(named) == 1):
            strength = Strength.CERTAIN if named else Strength.LIKELY
            return Match(strength, f"{names} has an image column and a caption column", usable)
        strength = Strength.LIKELY if named else Strength.POSSIBLE
        return Match(strength, f"{names} could be the table of captions", named or usable or candidates)

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read the table.

        Raises:
            ArchiveRefusedError: `ambiguous_manifest` where several could be meant, or the table cannot be used.
        """
        table = _only(match.files)
        columns, rows = read_table(source, table)
        return FormatRows(columns, rows, source.archive, {table.name})


@final
class OpenClipFormat:
    """A tab separated table with the columns `filepath` and `title`, often named .csv."""

    name = CorpusFormat.OPEN_CLIP
    layout = "images and one tab separated table, named .csv, .tsv or .txt, with the columns filepath and title"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by its header."""
        tables = source.with_suffix(".csv", ".tsv", ".txt")[:_LOOKED_AT]
        found = [one for one in tables if {"filepath", "title"} <= set(header_names(first_line(source, one), "\t"))]
        if not found:
            return None
        why = f"{printable(found[0].name)} is tab separated with the columns filepath and title"
        return Match(Strength.CERTAIN, why, found)

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read the table.

        Raises:
            ArchiveRefusedError: `ambiguous_manifest`, or the table cannot be used.
        """
        table = _only(match.files)
        columns, rows = read_delimited(open_lines(source, table), table.name, delimiter="\t")
        return FormatRows(columns, rows, source.archive, {table.name})


def _shallowest(members: Sequence[Member]) -> list[Member]:
    depth = min((member.name.count("/") for member in members), default=0)
    return [member for member in members if member.name.count("/") == depth]


def _only(tables: Sequence[Member]) -> Member:
    if len(tables) == 1:
        return tables[0]
    names = ", ".join(printable(table.name) for table in tables[:_LISTED])
    raise ArchiveRefusedError(
        RefusalCode.AMBIGUOUS_MANIFEST,
        f"the archive holds {len(tables)} tables that could be meant ({names}), "
        "expected one captions.csv, captions.tsv, captions.jsonl or captions.parquet",
    )
