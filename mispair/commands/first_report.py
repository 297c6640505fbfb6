"""What `mispair up` does once it serves: clean the given archive, or the demo the first time, and tell the result."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import typer

from mispair.client import Client
from mispair.client_file import ServerAddress
from mispair.commands.cleaning import Choices, Cleaning, clean_once, find_corpus
from mispair.commands.demo import DEMO_NAME, DemoFiles, compare_with_truth, demo_files, draw_demo
from mispair.commands.errors import show_error
from mispair.commands.report import print_rows
from mispair.commands.run import describe_run
from mispair.commands.upload import corpus_name
from mispair.errors import JobFailedError, MispairError, RefusedError, StoppedWaitingError
from mispair.progress import Progress
from mispair.report_filter import ReportFilter
from mispair.upload_source import open_source, source_sha256

_WORST_ROWS = 8


@dataclass(frozen=True)
class Wish:
    """What to clean at the start.

    Attributes:
        corpus: an archive, or None.
        with_demo: the demo, when there is no corpus yet.
        choices: of that archive.
    """

    corpus: Path | None
    with_demo: bool
    choices: Choices = field(default_factory=Choices)


class FirstReport:
    """Cleans in a thread beside the supervisor, which keeps the main thread: the servers die with the one that started
    them.

    Args:
        address: the server, and the key.
        data: the data folder; reports are saved below it.
        wish: what to clean.
        progress: where to show it.
        no_tty: plain lines.

    Attributes:
        exit_code: what the command should end with; 0 until something failed.
    """

    def __init__(self, address: ServerAddress, data: Path, wish: Wish, progress: Progress, *, no_tty: bool) -> None:
        self._address = address
        self._data = data
        self._wish = wish
        self._progress = progress
        self._no_tty = no_tty
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="first-report", daemon=True)
        self.exit_code = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the waiting: the server is going away. What it works on goes on at the next start."""
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread, so that its last lines come before the command ends."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            with Client(self._address.url, self._address.key) as client:
                self._clean(client)
        except StoppedWaitingError:
            return
        except (MispairError, OSError) as error:
            if self._stop.is_set():
                return  # The server went away because it was told to.
            self.exit_code = error.exit_code if isinstance(error, MispairError) else 1
            show_error(error)
            if isinstance(error, JobFailedError | RefusedError):
                typer.echo(f"FAILED code={error.code}")

    def _clean(self, client: Client) -> None:
        if self._wish.corpus is not None:
            name = corpus_name(self._wish.corpus)
            source = open_source(self._wish.corpus)
            self._tell(client, clean_once(client, self._progress, source, name, self._stop, self._wish.choices))
        elif self._wish.with_demo:
            self._clean_demo(client, demo_files(self._data))

    def _clean_demo(self, client: Client, files: DemoFiles) -> None:
        if not self._is_demo_due(client, files):
            return
        if not files.archive.exists():
            with self._progress.step("drawing the demo corpus"):
                draw_demo(files)
        cleaning = clean_once(client, self._progress, open_source(files.archive), DEMO_NAME, self._stop)
        flagged = client.report(cleaning.run.id, ReportFilter(is_flagged=True), page_size=500)
        found = compare_with_truth([row.pair_key for row in flagged], files.truth)
        self._tell(client, cleaning, found.lines())

    def _is_demo_due(self, client: Client, files: DemoFiles) -> bool:
        """On an empty server, and on one that has the demo: it may be half done, and its report is worth naming."""
        if next(client.corpora(), None) is None:
            return True
        return files.archive.exists() and find_corpus(client, source_sha256(open_source(files.archive))) is not None

    def _tell(self, client: Client, cleaning: Cleaning, findings: Sequence[str] = ()) -> None:
        run = cleaning.run
        target = self._data / "reports" / f"{_file_name(cleaning.corpus.name)}-{run.id}.csv"
        if not target.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            client.download_report(run.id, target)
        if not cleaning.is_new:
            self._progress.say(f"corpus {cleaning.corpus.name} has been cleaned before")
        for line in (*describe_run(run), *findings):
            typer.echo(line)
        if cleaning.is_new:
            typer.echo("the worst pairs:")
            print_rows(islice(client.report(run.id, page_size=_WORST_ROWS), _WORST_ROWS), no_tty=self._no_tty)
        typer.echo(f"REPORT url={client.url}/v1/runs/{run.id}/report csv={target}")


def _file_name(name: str) -> str:
    """A corpus name as part of a file name: letters, digits and dashes."""
    return "".join(character if character.isalnum() else "-" for character in name)[:40].strip("-") or "report"
