"""Reads what a format yields from its first row to its last."""

import zipfile
import zlib
from collections.abc import Callable

from app.core.models import RejectionCode
from worker.pipeline.importing.archive import DamagedMemberError
from worker.pipeline.importing.formats import Recognition
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, FormatRows, Manifest, RowFault
from worker.pipeline.importing.source import CorpusSource
from worker.pipeline.importing.value_budget import ValueBudget

_ROWS_A_CHECK = 2_000
# What reading a member raises beside its own error, once it is read as a stream.
_DAMAGE = (DamagedMemberError, zipfile.BadZipFile, zlib.error, EOFError)


def read_manifest(source: CorpusSource, recognition: Recognition) -> Manifest:
    """Read all rows. Every row comes back, those that are at fault with their reason.

    Raises:
        ArchiveRefusedError: the captions as a whole cannot be used.
    """
    try:
        found = recognition.format.read(source, recognition.match)
        rows = _collected(found, source.limits, source.check)
    except _DAMAGE as error:
        raise ArchiveRefusedError(
            RefusalCode.UNREADABLE_ARCHIVE, f"the captions cannot be read from the archive: {printable(str(error))}"
        ) from error
    return Manifest(found.columns, rows, found.archive, frozenset(found.files))


def _collected(found: FormatRows, limits: ImportLimits, check: Callable[[], None]) -> list[CaptionRow]:
    rows: list[CaptionRow] = []
    budget = ValueBudget(limits.max_values)
    for row in found.rows:
        budget.spend(row.extra, row.file)
        if len(rows) >= limits.max_rows:
            raise ArchiveRefusedError(
                RefusalCode.TOO_MANY_ROWS,
                f"{printable(row.file)}: the archive has more than {limits.max_rows} rows, the most allowed",
            )
        if len(rows) % _ROWS_A_CHECK == 0:
            check()
        rows.append(_checked(row, limits))
    return rows


def _checked(row: CaptionRow, limits: ImportLimits) -> CaptionRow:
    """The row, with a fault where its caption cannot be used."""
    if row.fault is not None:
        return row
    if not row.caption.strip():
        return row.rejected(RowFault(RejectionCode.EMPTY_CAPTION, "the caption is empty"))
    if len(row.caption) > limits.max_caption_chars:
        detail = f"the caption has {len(row.caption)} characters, at most {limits.max_caption_chars} are allowed"
        return row.rejected(RowFault(RejectionCode.CAPTION_TOO_LONG, detail))
    return row
