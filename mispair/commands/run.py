"""`mispair run`: clean an imported corpus."""

from typing import Annotated

import typer

from mispair.answers import Run
from mispair.commands.jobs import follow_run
from mispair.commands.options import ConfigOption, DataOption, NoTtyOption, SetOption, UrlOption, open_client
from mispair.commands.run_settings import read_settings
from mispair.progress import open_progress


def run(
    corpus_id: Annotated[str, typer.Argument(metavar="CORPUS_ID")],
    *,
    config: ConfigOption = None,
    settings: SetOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the run to end.")] = False,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Start a run on a corpus and wait until its report is there. Prints the run id.

    Ctrl-C ends the waiting, not the run.
    """
    wanted = read_settings(config, settings)
    progress = open_progress(no_tty=no_tty)
    with open_client(data, url) as client:
        started = client.start_run(corpus_id, wanted)
        progress.say(f"run {started.id}")
        if not detach:
            progress.say(describe_run(follow_run(client, progress, started)))
    typer.echo(started.id)


def describe_run(run: Run) -> str:
    """What a finished run found, in one line."""
    summary = run.summary
    if summary is None:
        return f"run {run.id} is {run.state}"
    share = summary.n_flagged / summary.n_pairs if summary.n_pairs else 0.0
    return (
        f"{summary.n_flagged} of {summary.n_pairs} pairs ({share:.1%}) flagged: correspondence < {summary.threshold:g}"
    )
