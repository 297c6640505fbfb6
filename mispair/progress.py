"""Progress for a person: bars on a terminal, plain lines everywhere else."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichBars
from rich.text import Text

_LINE_EVERY_FRACTION = 0.1
_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 10.0


class Step(Protocol):
    """One piece of work that is under way."""

    def update(self, fraction: float | None, note: str = "") -> None:
        """Say how far it is, in [0, 1] or None where nobody knows, and what it does right now."""


class Progress(Protocol):
    """Where progress is shown. Never on stdout, which belongs to results."""

    def say(self, line: str) -> None:
        """Show one line."""

    def step(self, label: str) -> AbstractContextManager[Step]:
        """Show a piece of work for as long as the context lasts."""


def open_progress(*, no_tty: bool = False, stream: TextIO | None = None) -> Progress:
    """Bars when `stream` is a terminal and `no_tty` is not asked for, else lines.

    Args:
        no_tty: plain lines even on a terminal.
        stream: stderr by default.
    """
    stream = sys.stderr if stream is None else stream
    if no_tty or not stream.isatty():
        return PlainProgress(stream)
    return RichProgress(Console(file=stream))


class PlainProgress:
    """A line when a step starts, when it ends and at each tenth; not in bursts, and at least every ten seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, line: str) -> None:
        """Show one line."""
        print(line, file=self._stream, flush=True)

    @contextmanager
    def step(self, label: str) -> Iterator[Step]:
        """Show a piece of work."""
        started_at = time.monotonic()
        self.say(f"{label} ...")
        try:
            yield _PlainStep(self, label)
        except BaseException:
            self.say(f"{label}: stopped after {time.monotonic() - started_at:.1f} s")
            raise
        self.say(f"{label}: done in {time.monotonic() - started_at:.1f} s")


class _PlainStep:
    def __init__(self, progress: PlainProgress, label: str) -> None:
        self._progress = progress
        self._label = label
        self._fraction = 0.0
        self._said_at = time.monotonic()

    def update(self, fraction: float | None, note: str = "") -> None:
        if fraction is None:
            return
        now = time.monotonic()
        pause_s = _SHORTEST_PAUSE_S if fraction - self._fraction >= _LINE_EVERY_FRACTION else _LONGEST_PAUSE_S
        if fraction > self._fraction and now - self._said_at >= pause_s:
            self._fraction, self._said_at = fraction, now
            self._progress.say(f"{self._label}: {fraction:.0%}{', ' if note else ''}{note}")


class RichProgress:
    """One bar a step; finished bars stay above."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """Show one line, as it is: brackets in it are no markup."""
        self._console.print(Text(line))

    @contextmanager
    def step(self, label: str) -> Iterator[Step]:
        """Show a piece of work."""
        bars = RichBars(
            TextColumn("{task.description:<28}", markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
            console=self._console,
            # Results go to stdout; what Rich redirects would land on this console instead.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bars:
            task = bars.add_task(label, total=None, note="")
            yield _RichStep(bars, task)
            bars.update(task, total=1.0, completed=1.0, note="")


class _RichStep:
    def __init__(self, bars: RichBars, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def update(self, fraction: float | None, note: str = "") -> None:
        if fraction is None:
            self._bars.update(self._task, note=note)
        else:
            self._bars.update(self._task, total=1.0, completed=fraction, note=note)
