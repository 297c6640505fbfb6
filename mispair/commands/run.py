"""`mispair run`: clean an imported corpus."""

from typing import Annotated

import typer

from mispair.answers import Run
from mispair.commands.describing_causes import describe_causes
from mispair.commands.jobs import follow_run
from mispair.commands.options import (
    ConfigOption,
    ConfirmOption,
    DataOption,
    NoTtyOption,
    SetOption,
    UrlOption,
    open_client,
)
from mispair.commands.run_settings import read_settings
from mispair.progress import open_progress
from mispair.run_summary import CertificateSummary, RunSummary

_REASONS = {
    "not_planted": "the run planted no decoys",
    "too_few_decoys": "the corpus gives too few decoys",
    "not_separable": "the corpus's pairs score like decoys",
    "wide_interval": "the noise rate is known poorly",
    "mostly_mismatched": "few clean pairs are left to learn from",
}


def run(
    corpus_id: Annotated[str, typer.Argument(metavar="CORPUS_ID")],
    *,
    config: ConfigOption = None,
    settings: SetOption = None,
    confirm_warnings: ConfirmOption = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the run to end.")] = False,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Start a run on a corpus and wait until its report is there. Prints the run id.

    Ctrl-C ends the waiting, not the run.
    """
    wanted = read_settings(config, settings)
    if confirm_warnings:
        wanted["confirm_warnings"] = True
    progress = open_progress(no_tty=no_tty)
    with open_client(data, url) as client:
        started = client.start_run(corpus_id, wanted)
        progress.say(f"run {started.id}")
        if not detach:
            for line in describe_run(follow_run(client, progress, started)):
                progress.say(line)
    typer.echo(started.id)


def describe_run(run: Run) -> list[str]:
    """What a finished run found, in a line, how sure it is of that, in another, and what exactly is wrong."""
    summary = run.summary
    if summary is None:
        return [f"run {run.id} is {run.state}"]
    share = summary.n_flagged / summary.n_pairs if summary.n_pairs else 0.0
    flagged = f"{summary.n_flagged} of {summary.n_pairs} pairs ({share:.1%}) flagged"
    told = f"{flagged}: correspondence < {summary.threshold:g}"
    lines = [told, _describe_calibration(summary), *describe_causes(summary)]
    return lines if summary.certificate is None else [*lines, _describe_certificate(summary.certificate)]


def _describe_certificate(certificate: CertificateSummary) -> str:
    if certificate.refusal is not None:
        return f"no certificate: {certificate.refusal.detail}"
    r_sum = ", ".join(f"{arm} {value:.1f}" for arm, value in (certificate.r_sum or {}).items())
    return f"certificate: {certificate.verdict}; r_sum {r_sum}"


def _describe_calibration(summary: RunSummary) -> str:
    code = summary.reliability_reason
    reason = "" if code is None else _REASONS.get(code, code.replace("_", " "))
    if not summary.is_calibrated:
        return f"not calibrated: {reason or 'no decoys were planted'}"
    told = [f"noise rate about {_percent(summary.noise_rate)}"]
    if summary.noise_rate_low is not None and summary.noise_rate_high is not None:
        told[0] += f" (95 % interval: {_percent(summary.noise_rate_low)} to {_percent(summary.noise_rate_high)})"
    if summary.expected_precision is not None:
        told.append(f"{_percent(summary.expected_precision)} of the flagged expected to be mismatches")
    if summary.near_recall is not None:
        told.append(f"{_percent(summary.near_recall)} of near mismatches caught")
    if summary.reliability != "ok":
        told.append(f"reliability {summary.reliability}: {reason}" if reason else f"reliability {summary.reliability}")
    return "; ".join(told)


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
