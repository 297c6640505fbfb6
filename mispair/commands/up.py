"""`mispair up`: the whole service on this machine, in the foreground."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mispair.client_file import data_folder
from mispair.commands.cleaning import Choices
from mispair.commands.errors import StackError
from mispair.commands.first_report import FirstReport, Wish
from mispair.commands.options import ConfirmOption, CorpusFormatOption, DataOption, NoTtyOption
from mispair.progress import Progress, open_progress

if TYPE_CHECKING:
    from app.core.embedded import ReadyInfo, StackEvent

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LAST_WORDS_S = 3.0


def up(
    *,
    data: DataOption = None,
    host: Annotated[str, typer.Option(help="Where the API listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 takes a free one.")] = 8000,
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="PATH", exists=True, readable=True, help="An archive or a folder to clean now."),
    ] = None,
    corpus_format: CorpusFormatOption = None,
    confirm_warnings: ConfirmOption = False,
    demo: Annotated[bool, typer.Option(help="Clean the built-in demo corpus when there is no corpus yet.")] = True,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Jobs that run at once on the CPU.")] = 2,
    no_tty: NoTtyOption = False,
) -> None:
    """Start PostgreSQL, Redis, the workers and the API, and serve until Ctrl-C.

    Prints READY url=... once it serves and REPORT url=... csv=... once a corpus is cleaned. All data lies in one
    folder; the next start continues with it.
    """
    # The server's packages are for this command only; the others start without them.
    from app.core.embedded import EmbeddedError, StackOptions, run_stack

    folder = data_folder(data).resolve()
    wish = Wish(corpus, with_demo=demo and corpus is None, choices=Choices(corpus_format, confirm_warnings))
    serving = _Serving(wish, open_progress(no_tty=no_tty), no_tty=no_tty)
    options = StackOptions(data=folder, host=host, port=port, n_worker_slots=workers, extra_env=_host_names(host))
    try:
        exit_code = run_stack(options, serving.on_ready, on_event=serving.on_event)
    except EmbeddedError as error:
        raise StackError(str(error)) from error
    finally:
        serving.finish()
    raise typer.Exit(exit_code or serving.exit_code)


class _Serving:
    """What happens beside the servers, from the moment they are ready until they stop."""

    def __init__(self, wish: Wish, progress: Progress, *, no_tty: bool) -> None:
        self._wish = wish
        self._progress = progress
        self._no_tty = no_tty
        self._first_report: FirstReport | None = None

    @property
    def exit_code(self) -> int:
        return self._first_report.exit_code if self._first_report is not None else 0

    def on_ready(self, ready: "ReadyInfo") -> None:
        from mispair.commands.server_key import ensure_client_file

        address = ensure_client_file(ready)
        typer.echo(f"READY url={ready.url}")
        self._first_report = FirstReport(address, ready.data, self._wish, self._progress, no_tty=self._no_tty)
        self._first_report.start()

    def on_event(self, event: "StackEvent") -> None:
        if event.kind == "stopping" and self._first_report is not None:
            self._first_report.stop()
            # Its bar has to be gone from the terminal before the next line.
            self._first_report.join(_LAST_WORDS_S)
        self._progress.say(event.detail)

    def finish(self) -> None:
        if self._first_report is not None:
            self._first_report.stop()
            self._first_report.join(_LAST_WORDS_S)


def _host_names(host: str) -> dict[str, str]:
    """A server for this machine only answers to its own names, so that no web page can reach it by DNS rebinding."""
    if host not in _LOOPBACK or "MISPAIR_ALLOWED_HOSTS" in os.environ:
        return {}
    return {"MISPAIR_ALLOWED_HOSTS": '["127.0.0.1", "localhost", "[::1]"]'}
