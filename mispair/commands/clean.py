"""`mispair clean`: archive in, report out."""

from pathlib import Path
from typing import Annotated

import typer

from mispair.commands.jobs import follow_import, follow_run, upload_source
from mispair.commands.options import (
    ConfigOption,
    ConfirmOption,
    CorpusArgument,
    CorpusFormatOption,
    DataOption,
    FdrOption,
    NoTtyOption,
    SetOption,
    ThresholdOption,
    UrlOption,
    check_cut,
    open_client,
)
from mispair.commands.report import FormatOption, RawOption, save_report
from mispair.commands.run import describe_run
from mispair.commands.run_settings import read_settings
from mispair.commands.upload import corpus_name
from mispair.progress import open_progress
from mispair.report_filter import ReportFilter
from mispair.upload_source import open_source


def clean(
    path: CorpusArgument,
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", dir_okay=False, help="Save the report here.")
    ],
    file_format: FormatOption = None,
    raw: RawOption = False,
    threshold: ThresholdOption = None,
    fdr: FdrOption = None,
    name: Annotated[str | None, typer.Option(help="Name of the corpus. Default: the file's.")] = None,
    corpus_format: CorpusFormatOption = None,
    confirm_warnings: ConfirmOption = False,
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Upload a corpus, clean it and save the report, on a running server."""
    if not output.absolute().parent.is_dir():
        raise typer.BadParameter(f"the folder {output.absolute().parent} does not exist", param_hint="-o")
    wanted = read_settings(config, settings)
    check_cut(threshold if threshold is not None else wanted.get("threshold"), fdr)
    if fdr is not None:
        # The run's own rate rather than the report's: a run that cannot be calibrated still ends in a report.
        wanted["fdr"] = fdr
    if confirm_warnings:
        wanted["confirm_warnings"] = True
    progress = open_progress(no_tty=no_tty)
    source = open_source(path)
    with open_client(data, url) as client:
        corpus = upload_source(client, progress, source, name or corpus_name(path), corpus_format=corpus_format)
        progress.say(f"corpus {corpus.id}")
        follow_import(client, progress, corpus)
        run = client.start_run(corpus.id, wanted)
        progress.say(f"run {run.id}")
        finished = follow_run(client, progress, run)
        n_bytes = save_report(client, run.id, output, file_format, ReportFilter(threshold=threshold), raw=raw)
    for line in describe_run(finished):
        typer.echo(line)
    typer.echo(f"{output}: {n_bytes} bytes, run {run.id}")
