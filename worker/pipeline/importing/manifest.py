"""Reads a manifest from its first row to its last."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath

from app.core.models import RejectionCode
from worker.pipeline.importing.archive import Archive, DamagedMemberError, Member
from worker.pipeline.importing.delimited_manifest import read_delimited
from worker.pipeline.importing.json_manifest import read_json_lines
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.lines import Lines
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, Manifest, RowFault
from worker.pipeline.importing.value_budget import ValueBudget

_ROWS_A_CHECK = 2_000


def read_manifest(archive: Archive, member: Member, limits: ImportLimits, check: Callable[[], None]) -> Manifest:
    """Read the table of captions. Every row comes back, those that are at fault with their reason.

    Args:
        archive: where it lies.
        member: the manifest.
        limits: of the import.
        check: called now and then; it may raise to stop the import.

    Raises:
        ArchiveRefusedError: the manifest as a whole cannot be used.
    """
    try:
        with archive.open(member) as stream:
            return _read(Lines(stream), member.name, limits, check)
    except (DamagedMemberError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ArchiveRefusedError(
            RefusalCode.UNREADABLE_ARCHIVE, f"{printable(member.name)} cannot be read from the archive: {error}"
        ) from error


def _read(lines: Lines, name: str, limits: ImportLimits, check: Callable[[], None]) -> Manifest:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".jsonl":
        columns, found = read_json_lines(lines, name)
    else:
        columns, found = read_delimited(lines, name, is_tsv=suffix == ".tsv")
    rows: list[CaptionRow] = []
    budget = ValueBudget(limits.max_values, name)
    for row in found:
        budget.spend(row.extra)
        if len(rows) >= limits.max_rows:
            raise ArchiveRefusedError(
                RefusalCode.TOO_MANY_ROWS, f"{printable(name)} has more than {limits.max_rows} rows, the most allowed"
            )
        if len(rows) % _ROWS_A_CHECK == 0:
            check()
        rows.append(_checked(row, limits))
    return Manifest(name, columns, rows)


def _checked(row: CaptionRow, limits: ImportLimits) -> CaptionRow:
    """The row, with a fault where its caption cannot be used."""
    if row.fault is not None:
        return row
    fault = None
    if not row.caption.strip():
        fault = RowFault(RejectionCode.EMPTY_CAPTION, "the caption is empty")
    elif len(row.caption) > limits.max_caption_chars:
        fault = RowFault(
            RejectionCode.CAPTION_TOO_LONG,
            f"the caption has {len(row.caption)} characters, at most {limits.max_caption_chars} are allowed",
        )
    return row if fault is None else CaptionRow(row.number, row.image, fault=fault)
