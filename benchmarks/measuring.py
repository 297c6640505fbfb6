"""What the benchmarks share: the machine in words, a stack of their own, and the memory that its processes took."""

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

_STOP_S = 60.0


def describe_machine() -> str:
    """Processor, usable cores, memory, system and Python, in one line."""
    cpu_info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line.split(":", 1)[1].strip() for line in cpu_info.splitlines() if line.startswith("model name")), "")
    n_cores = len(os.sched_getaffinity(0))
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{model or platform.machine()}, {n_cores} cores, {memory_gib:.0f} GiB, {system}"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table, as the documents quote it."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(headers), *cells]) for column in range(len(headers))]
    for row in [list(headers), ["-" * width for width in widths], *cells]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def print_result(result: Mapping[str, object]) -> None:
    """Print the one line of JSON that every benchmark ends with."""
    print(json.dumps(result), flush=True)


@dataclass(frozen=True)
class Stack:
    """A running `mispair up`.

    Attributes:
        process: the supervisor.
        lines: its standard output, line by line.
    """

    process: "subprocess.Popen[str]"
    lines: IO[str]

    def wait_for(self, word: str) -> dict[str, str]:
        """The `name=value` parts of the next output line that begins with `word`.

        Raises:
            RuntimeError: the stack ended, or the cleaning failed.
        """
        for line in self.lines:
            print(f"  {line.rstrip()}", flush=True)
            first, *parts = line.split()
            if first == word:
                return dict(part.split("=", 1) for part in parts)
            if first == "FAILED":
                raise RuntimeError(line.strip())
        raise RuntimeError(f"mispair up ended with {self.process.wait()} before it printed {word}")


@contextmanager
def running_stack(
    data: Path, *options: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Run `mispair up` on a data folder and a free port, and stop it at the end as Ctrl-C would.

    Args:
        data: the folder.
        options: of `mispair up`, beside those.
        cwd: where it stands; default: here.
        environment: variables that differ from those of this process.
    """
    command = [sys.executable, "-m", "mispair", "up", "--data", str(data), "--port", "0", "--no-tty", *options]
    # Its progress goes to this process's standard error; a session of its own keeps a Ctrl-C for this process.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None
    try:
        yield Stack(process, process.stdout)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class PeakMemory:
    """Watches a process and all below it, and keeps each one's peak resident memory.

    The kernel itself keeps the peak of a process (VmHWM), so looking often only matters for short-lived ones.

    Args:
        root_pid: the process at the top.
        period_s: pause between two looks.
    """

    def __init__(self, root_pid: int, period_s: float = 0.1) -> None:
        self._root_pid = root_pid
        self._period_s = period_s
        self._peak_kib: dict[tuple[int, str], int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def by_process(self) -> list[tuple[str, float]]:
        """(name, peak in MiB) of each kind of process, the largest of its kind, the largest first."""
        largest: dict[str, float] = {}
        for (_, name), kib in self._peak_kib.items():
            largest[name] = max(largest.get(name, 0.0), kib / 1024)
        return sorted(largest.items(), key=lambda item: -item[1])

    def _watch(self) -> None:
        while not self._stop.wait(self._period_s):
            for pid in _descendants(self._root_pid):
                try:
                    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
                except (FileNotFoundError, ProcessLookupError):
                    continue  # It ended between two looks.
                peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), None)
                if peak is not None:
                    key = (pid, _process_name(command))
                    self._peak_kib[key] = max(self._peak_kib.get(key, 0), int(peak))


def seconds_since(started_at: float) -> float:
    """Seconds since a `time.monotonic()`, to a tenth."""
    return round(time.monotonic() - started_at, 1)


def _descendants(root_pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                # The command's name may hold spaces and parentheses; what follows the last one is plain.
                parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, to_visit = [], [root_pid]
    while to_visit:
        pid = to_visit.pop()
        found.append(pid)
        to_visit += children.get(pid, [])
    return found


def _process_name(command: Sequence[str]) -> str:
    """What a process is, in two words at most: a Python module with its first argument, or a program."""
    words = [word for word in command if word]
    if not words:
        return "ended"
    if "-m" in words[:6]:
        module = words[words.index("-m") + 1 :]
        return " ".join(module[:2]) if module[0] == "worker.trainer" else module[0]
    program = Path(words[0].split(" ")[0].rstrip(":")).name
    return f"{program} {Path(words[1]).name}" if program.startswith("python") and len(words) > 1 else program


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
