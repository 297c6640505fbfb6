"""What a row of captions says, whatever format it stands in."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from app.core.models import RejectionCode
from worker.pipeline.importing.archive import Archive
from worker.pipeline.importing.columns import Columns


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row is rejected."""

    code: RejectionCode
    detail: str


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """One caption.

    Attributes:
        number: 1 = the first row after the header of its file, or the first object; captions of one object share it.
        image: what it says about the image, verbatim; None where that could not be read.
        caption: verbatim; empty where there is a fault.
        source_id: the user's own id; None without one.
        extra: the other columns; None without any.
        fault: why the row is rejected before its image is looked at.
        file: the member that the row stands in, from whose folder `image` is looked for.
        byte_offset: where the row begins in that file; None where the file is no text.
        member: name of the image's member where the format knows it, empty where there is none; nothing is searched
            then.
    """

    number: int
    image: str | None
    caption: str = ""
    source_id: str | None = None
    extra: dict[str, Any] | None = None  # Any: JSON
    fault: RowFault | None = None
    file: str = ""
    byte_offset: int | None = None
    member: str | None = None

    def rejected(self, fault: RowFault) -> "CaptionRow":
        """The row without what it says, because it cannot be used."""
        return replace(self, caption="", source_id=None, extra=None, fault=fault)


@dataclass(frozen=True)
class FormatRows:
    """What a format makes of an archive: rows that are read as they are asked for.

    Attributes:
        columns: where image, caption and id stand, by the format's own names.
        rows: every row, those at fault with their reason.
        files: members that the format consists of, images aside. What it adds to it while it is read counts.
        archive: where images lie, once all rows are read: the archive itself, or a view that shows what lies inside
            its members.
    """

    columns: Columns
    rows: Iterator[CaptionRow]
    archive: Archive
    files: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Manifest:
    """All rows of a corpus, read to their end. `files` and `archive` as in `FormatRows`."""

    columns: Columns
    rows: list[CaptionRow]
    archive: Archive
    files: frozenset[str] = frozenset()
