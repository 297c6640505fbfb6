"""All rejections of a version as CSV or JSON Lines, read with a session and a server-side cursor of its own."""

import csv
import io
import json
import uuid
from collections.abc import Generator
from contextlib import closing
from enum import StrEnum

from sqlalchemy.orm import Session, sessionmaker

from app.core.repositories import corpora
from app.core.repositories.corpora import RejectionEntry
from app.spreadsheets import defused

_BATCH_ROWS = 1000


class RejectionFormat(StrEnum):
    """How rejections are written."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def media_type(self) -> str:
        """The content type of the whole."""
        return "text/csv; charset=utf-8" if self is RejectionFormat.CSV else "application/x-ndjson"


def stream_rejections(
    factory: sessionmaker[Session], version_id: uuid.UUID | None, file_format: RejectionFormat, *, raw: bool
) -> Generator[bytes, None, None]:
    """The bytes of the file; closing the generator closes its cursor and returns its connection.

    Args:
        factory: of the session, because the request's is closed before the first byte is sent.
        version_id: None = there is no version yet, and so no row.
        file_format: CSV or JSON Lines.
        raw: CSV cells exactly as they are, for readers that are programs.
    """
    is_csv = file_format is RejectionFormat.CSV
    if is_csv:
        yield _csv([RejectionEntry._fields])
    if version_id is None:
        return
    with (
        factory() as session,
        closing(corpora.stream_rejections(session, version_id, batch_rows=_BATCH_ROWS)) as batches,
    ):
        for entries in batches:
            yield _csv([_cells(entry, raw=raw) for entry in entries]) if is_csv else _json_lines(entries)


def _cells(entry: RejectionEntry, *, raw: bool) -> tuple[object, ...]:
    return tuple(defused(cell) if isinstance(cell, str) and not raw else cell for cell in entry)


def _csv(rows: list[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _json_lines(entries: list[RejectionEntry]) -> bytes:
    return "".join(json.dumps(entry._asdict(), ensure_ascii=False) + "\n" for entry in entries).encode()
