"""Runs one stage of a run in a fresh process, and ends that process when the job must not go on.

A pool's process may not train itself: it may not fork further, CUDA cannot be set up after a fork, and a device assert
would poison it for ever.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, final

import structlog

from app.core.embedded import guarded_command
from app.core.errors import AppError, JobFailedError
from worker.heartbeat import WorkerStoppingError

log = structlog.get_logger()

Message = dict[str, Any]  # Any: JSON; every message has a `kind`
_POLL_S = 0.1
_TAIL_BYTES = 2000
_EXIT_S = 5.0
_STOP_GRACE_S = 3.0  # below the five seconds after which a supervisor of the worker loses its patience
_END_OF_OUTPUT = None


class StageInterruptedError(AppError):
    """The stage's process died or was killed without saying why; the job may be tried again."""

    code = "interrupted"
    title = "Interrupted"


def run_stage(
    stage: str,
    spec: dict[str, Any],  # Any: JSON
    folder: Path,
    *,
    check: Callable[[], None],
    on_message: Callable[[Message], None],
    no_progress_s: float,
) -> Message:
    """Run `python -m worker.trainer stage spec.json` and return its result message.

    Args:
        stage: a stage that worker.trainer knows.
        spec: what the stage needs; written to `folder`.
        folder: local working folder of this claim; also takes the process's log.
        check: called several times a second; what it raises ends the process and is raised on. When the worker is
            stopping, the process gets a moment to reach its next checkpoint.
        on_message: gets every message but the result.
        no_progress_s: a process silent for this long is ended and counts as interrupted.

    Raises:
        JobFailedError: the stage says that it cannot succeed.
        StageInterruptedError: the process died.
    """
    spec_path = folder / f"{stage}.json"
    spec_path.write_text(json.dumps(spec), encoding="utf-8")
    log_path = folder / f"{stage}.log"
    with log_path.open("ab") as log_file:
        process = _StageProcess(stage, spec_path, log_file)
    try:
        result = _follow(process, check, on_message, no_progress_s)
    except WorkerStoppingError:
        process.ask_to_stop()
        _hear_out(process, on_message)
        raise
    finally:
        process.kill()
    if result is None:
        raise StageInterruptedError(f"stage {stage}: {_how_it_ended(process.return_code, log_path)}")
    return result


def _follow(
    process: "_StageProcess", check: Callable[[], None], on_message: Callable[[Message], None], no_progress_s: float
) -> Message | None:
    heard_at = time.monotonic()
    while True:
        check()
        try:
            message = process.messages.get(timeout=_POLL_S)
        except queue.Empty:
            if time.monotonic() - heard_at > no_progress_s:
                raise StageInterruptedError(f"no progress for {no_progress_s:g} s; the process was ended") from None
            continue
        heard_at = time.monotonic()
        if message is _END_OF_OUTPUT:
            process.await_exit()
            return None
        if message["kind"] == "error":
            raise JobFailedError(message["detail"], code=message["code"])
        if message["kind"] == "result":
            return message
        on_message(message)


def _hear_out(process: "_StageProcess", on_message: Callable[[Message], None]) -> None:
    """Take what a process still says after it was asked to stop: a training finishes its epoch and its checkpoint."""
    give_up_at = time.monotonic() + _STOP_GRACE_S
    while (left_s := give_up_at - time.monotonic()) > 0:
        try:
            message = process.messages.get(timeout=left_s)
        except queue.Empty:
            return
        if message is _END_OF_OUTPUT or message["kind"] in {"error", "result"}:
            return
        on_message(message)


@final
class _StageProcess:
    """The process, and the messages that it writes as JSON lines on its standard output."""

    def __init__(self, stage: str, spec_path: Path, log_file: IO[bytes]) -> None:
        command = [sys.executable, "-m", "worker.trainer", stage, str(spec_path)]
        self._popen = subprocess.Popen(
            guarded_command(command, signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log_file,
            start_new_session=True,
            pass_fds=_children_lock(),
        )
        self.messages: queue.Queue[Message | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name=f"{stage}-reader", daemon=True)
        self._reader.start()

    @property
    def return_code(self) -> int:
        return self._popen.wait()

    def ask_to_stop(self) -> None:
        """A training ends behind its next checkpoint, any other stage at once."""
        if self._popen.poll() is None:
            self._popen.terminate()

    def await_exit(self) -> None:
        """Let a process that has closed its output end by itself, so that its exit status is its own."""
        try:
            self._popen.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            log.warning("stage.lingers", pid=self._popen.pid)

    def kill(self) -> None:
        """End the whole group, whatever state it is in, and wait for it."""
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("stage.gone", pid=self._popen.pid)
        self._popen.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        try:
            with self._popen.stdout as lines:
                for line in lines:
                    self.messages.put(json.loads(line))
        except ValueError:
            # A process that was killed while it wrote leaves half a line.
            log.info("stage.half_a_line")
        finally:
            self.messages.put(_END_OF_OUTPUT)


def _children_lock() -> tuple[int, ...]:
    """The lock of `mispair up` that every process below it holds, so that the next start waits for the last of them."""
    number = os.environ.get("MISPAIR_LOCK_FD", "")
    return (int(number),) if number else ()


def _how_it_ended(return_code: int, log_path: Path) -> str:
    if return_code < 0:
        return f"its process was killed by {_signal_name(-return_code)}"
    tail = log_path.read_bytes()[-_TAIL_BYTES:].decode("utf-8", errors="replace").strip()
    log.warning("stage.failed", return_code=return_code, log=tail)
    # The whole log may name paths of this machine; its last line is the error itself.
    last_line = tail.rpartition("\n")[2]
    return f"its process ended with {return_code}: {last_line}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
