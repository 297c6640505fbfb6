"""A whole report as a stream of bytes, read with a session and a server-side cursor of its own."""

import uuid
from collections.abc import Callable, Generator
from contextlib import closing
from enum import StrEnum
from functools import partial

from sqlalchemy.orm import Session, sessionmaker

from app.core.repositories import reports
from app.core.repositories.reports import ReportFilter, ReportScope
from app.reports.csv_format import Batches, encode_csv
from app.reports.jsonl_format import encode_jsonl
from app.reports.parquet_format import encode_parquet

_BATCH_ROWS = 1000

Encoder = Callable[[Batches], Generator[bytes, None, None]]


class ReportFormat(StrEnum):
    """How a downloaded report is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    ReportFormat.CSV: "text/csv; charset=utf-8",
    ReportFormat.JSONL: "application/x-ndjson",
    ReportFormat.PARQUET: "application/vnd.apache.parquet",
}


def report_filename(run_id: uuid.UUID, report_format: ReportFormat) -> str:
    """The name under which a report is saved."""
    return f"mispair-report-{run_id}.{report_format}"


def report_encoder(report_format: ReportFormat, *, raw: bool) -> Encoder:
    """What turns rows into the bytes of a format; `raw` concerns CSV, the others are always exact."""
    if report_format is ReportFormat.CSV:
        return partial(encode_csv, raw=raw)
    return encode_jsonl if report_format is ReportFormat.JSONL else encode_parquet


def stream_report(
    factory: sessionmaker[Session], scope: ReportScope, wanted: ReportFilter, encode: Encoder
) -> Generator[bytes, None, None]:
    """The bytes of a report, worst row first. Closing the generator closes its cursor and returns its connection.

    The session is the generator's own because the request's is closed before the first byte is sent.
    """
    with (
        factory() as session,
        closing(reports.stream_report(session, scope, wanted, batch_rows=_BATCH_ROWS)) as batches,
        closing(encode(batches)) as pieces,
    ):
        yield from pieces
