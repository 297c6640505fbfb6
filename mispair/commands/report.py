"""`mispair report`: read or save what a run found."""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mispair.answers import ReportRow
from mispair.client import Client, ReportFormat
from mispair.commands.options import (
    DataOption,
    FdrOption,
    NoTtyOption,
    ThresholdOption,
    UrlOption,
    check_cut,
    open_client,
)
from mispair.report_filter import ReportFilter
from mispair.tables import print_table

_CAPTION_CHARS = 80


class FileFormat(StrEnum):
    """Formats of a report file."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", dir_okay=False, help="Save the report here.")
]
FormatOption = Annotated[
    FileFormat | None, typer.Option("--format", help="Format of the file. Default: by its name, else csv.")
]
RawOption = Annotated[
    bool, typer.Option("--raw", help="CSV cells exactly as uploaded, unsafe to open in a spreadsheet.")
]


def report(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    *,
    output: OutputOption = None,
    file_format: FormatOption = None,
    raw: RawOption = False,
    threshold: ThresholdOption = None,
    fdr: FdrOption = None,
    flagged: Annotated[bool, typer.Option("--flagged", help="Only pairs flagged as mismatches.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="CODE", help="Only pairs with this reason, as better_caption.")
    ] = None,
    best_captions: Annotated[
        int | None,
        typer.Option("--best-captions", min=1, metavar="N", help="Only N captions of each image, those that fit best."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of the table; a file always holds all.")] = 20,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Show the worst pairs of a run, or save its whole report.

    With --format and without -o the report goes to stdout.
    """
    check_cut(threshold, fdr)
    rows = ReportFilter(
        threshold=threshold,
        fdr=fdr,
        is_flagged=True if flagged else None,
        reason=reason,
        best_captions=best_captions,
    )
    with open_client(data, url) as client:
        if output is not None:
            n_bytes = save_report(client, run_id, output, file_format, rows, raw=raw)
            typer.echo(f"{output}: {n_bytes} bytes")
        elif file_format is not None:
            _to_stdout(client, run_id, file_format.value, rows, raw=raw)
        else:
            print_rows(islice(client.report(run_id, rows, page_size=limit), limit), no_tty=no_tty)


def save_report(
    client: Client,
    run_id: str,
    output: Path,
    file_format: FileFormat | None = None,
    rows: ReportFilter | None = None,
    *,
    raw: bool = False,
) -> int:
    """Download a report to a file, in the format that its name asks for, and return its bytes.

    Raises:
        typer.BadParameter: the file's folder does not exist.
    """
    if not output.absolute().parent.is_dir():
        raise typer.BadParameter(f"the folder {output.absolute().parent} does not exist", param_hint="-o")
    return client.download_report(run_id, output, format_of(output, file_format), rows or ReportFilter(), raw=raw)


def format_of(output: Path, file_format: FileFormat | None = None) -> ReportFormat:
    """The format asked for, else the one in the file's name, else CSV."""
    if file_format is not None:
        return file_format.value
    suffix = output.suffix.lower().lstrip(".")
    return FileFormat(suffix).value if suffix in set(FileFormat) else "csv"


def print_rows(rows: Iterable[ReportRow], *, no_tty: bool) -> None:
    """Print report rows as a table."""
    print_table(
        ("rank", "correspondence", "flag", "image", "caption", "pair", "reason"),
        (
            (
                row.rank,
                f"{row.correspondence:.3f}",
                "mismatch" if row.is_mismatch else "",
                row.source_path,
                shorten(row.caption),
                row.pair_key,
                row.reason_code,
            )
            for row in rows
        ),
        no_tty=no_tty,
    )


def shorten(caption: str) -> str:
    """A caption that fits a table."""
    return caption if len(caption) <= _CAPTION_CHARS else caption[: _CAPTION_CHARS - 1] + "…"


def _to_stdout(client: Client, run_id: str, report_format: ReportFormat, rows: ReportFilter, *, raw: bool) -> None:
    """Through a file, so that a report that breaks off leaves no half of it in a pipe."""
    with tempfile.TemporaryDirectory(prefix="mispair-report-") as folder:
        whole = Path(folder) / f"report.{report_format}"
        client.download_report(run_id, whole, report_format, rows, raw=raw)
        with whole.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
