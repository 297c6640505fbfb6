"""Real worker processes, started as `mispair up` starts them."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, final

from app.core.embedded.commands import worker_commands
from tests.worker.processes import command_of, descendants

T = TypeVar("T")

_POLL_S = 0.05


def wait_for(what: str, condition: Callable[[], T], timeout_s: float = 30.0) -> T:
    """The first true value of `condition`; fails with `what` when none comes in time."""
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        if value := condition():
            return value
        time.sleep(_POLL_S)
    raise AssertionError(f"{what}: not within {timeout_s:g} s")


@final
class WorkerProcess:
    """One `celery worker` with a pool of one process.

    Args:
        name: of its log file and of the worker.
        env: its settings.
        folder: where its log goes.
    """

    def __init__(self, name: str, env: dict[str, str], folder: Path) -> None:
        (command,) = worker_commands(1, ())
        self.log_path = folder / f"{name}.log"
        with self.log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                [word.replace("worker@", f"{name}@") for word in command.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **env, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The main process."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether the main process lives."""
        return self._popen.poll() is None

    def await_ready(self) -> None:
        """Wait until it takes jobs."""
        wait_for(f"{self.log_path.name} says that it is ready", lambda: "worker.ready" in self.log())

    def family(self) -> list[int]:
        """The main process, its pool and their trainings."""
        return [self.pid, *descendants(self.pid)]

    def trainers(self, stage: str = "train") -> list[int]:
        """Processes of a stage."""
        return [pid for pid in descendants(self.pid) if f"worker.trainer {stage} " in command_of(pid)]

    def log(self) -> str:
        """What it wrote so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the main process a signal."""
        self._popen.send_signal(number)

    def wait(self, timeout_s: float) -> int:
        """Wait for the end of the main process."""
        return self._popen.wait(timeout_s)

    def end(self) -> None:
        """End all of it, whatever state it is in."""
        for pid in reversed(self.family()):
            if command_of(pid):
                os.kill(pid, signal.SIGKILL)
        self._popen.wait()


def living(pids: list[int]) -> list[int]:
    """Those of the processes that still run."""
    return [pid for pid in pids if command_of(pid)]
