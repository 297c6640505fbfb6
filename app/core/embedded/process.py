"""Child processes that cannot be left behind: own session, death signal, log file, stop with a grace period."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.core.embedded.account import ServerAccount, own_account
from app.core.embedded.errors import ChildFailedError, EmbeddedError
from app.core.embedded.waiting import Cancelled, never, wait_until

_GUARD = Path(__file__).with_name("child_guard.py")
_LOG_LIMIT_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class ChildSpec:
    """How to start one child and how to end it.

    Attributes:
        name: what messages call it; also the name of its log file.
        command: program (absolute path) and arguments.
        env: its whole environment.
        cwd: its working directory; never the user's, which would be kept busy.
        log_path: stdout and stderr are appended here.
        stop_signal: asks it to end.
        death_signal: what the kernel sends it when its parent dies.
        pass_fds: descriptors that it inherits, in practice the children lock.
        account: as whom it runs.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log_path: Path
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    pass_fds: tuple[int, ...] = ()
    account: ServerAccount = field(default_factory=own_account)


def guarded_command(
    command: Sequence[str], death_signal: signal.Signals, *, account: ServerAccount | None = None
) -> list[str]:
    """Wrap a command so that the kernel ends it when the calling thread ends.

    Args:
        command: program (absolute path) and arguments.
        death_signal: the signal it then gets.
        account: another account to run under. The change of account comes first, since it clears the death signal.
    """
    prefix = account.prefix if account is not None else ()
    guard = (sys.executable, "-I", "-S", str(_GUARD), str(int(death_signal)), str(os.getpid()))
    return [*prefix, *guard, *command]


def last_lines(log_path: Path, n_lines: int = 6) -> str:
    """The end of a log file, for a message; empty where there is none."""
    try:
        with log_path.open("rb") as log:
            log.seek(max(0, log_path.stat().st_size - 4096))
            text = log.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-n_lines:])


class Child:
    """A running child process.

    Its exit is noticed without reaping it, so that its process group is still surely its own when what is left of the
    group gets killed.
    """

    def __init__(self, spec: ChildSpec) -> None:
        """Start it.

        Raises:
            EmbeddedError: called outside the main thread. The death signal belongs to the starting thread, so a child
                of a short-lived thread would be killed when that thread ends.
            ChildFailedError: the operating system could not start it.
        """
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedError(f"{spec.name} must be started from the main thread")
        self.spec = spec
        command = guarded_command(spec.command, spec.death_signal, account=spec.account)
        log_fd = _open_log(spec.log_path)
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log_fd,
                stderr=log_fd,
                env=dict(spec.env),
                cwd=spec.cwd,
                pass_fds=spec.pass_fds,
                start_new_session=True,
            )
        except OSError as error:
            raise ChildFailedError(f"{spec.name} could not be started: {error}") from error
        finally:
            os.close(log_fd)

    @property
    def pid(self) -> int:
        """Its process id; the account change and the guard both end in exec, so it is the program's own."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs, else its exit status, negative for a signal."""
        if self._popen.returncode is None and self._has_exited():
            self._kill_group()
            self._popen.wait()
        return self._popen.returncode

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.exit_code is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.is_running:
            os.kill(self.pid, number)

    def stop(self, grace_s: float) -> int:
        """Ask it to end, wait, then kill its whole process group.

        Args:
            grace_s: seconds between asking and killing; 0 kills at once.

        Returns:
            Its exit status.
        """
        stop_children([self], grace_s)
        return self.kill()

    def kill(self) -> int:
        """Kill what is left of its process group and return its exit status."""
        if self._popen.returncode is None:
            self._kill_group()
        return self._popen.wait()

    def failure(self, what_happened: str) -> ChildFailedError:
        """An error about this child that quotes the end of its log."""
        log = last_lines(self.spec.log_path)
        quoted = f"; the end of its log:\n{log}" if log else ""
        return ChildFailedError(f"{self.spec.name} {what_happened} (log: {self.spec.log_path}){quoted}")

    def _has_exited(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def stop_children(children: Sequence[Child], grace_s: float, *, hurry: Cancelled = never) -> None:
    """Ask all of them to end, wait for all at once, then kill the process groups of what is left.

    Args:
        children: may have ended already.
        grace_s: seconds between asking and killing; 0 kills at once.
        hurry: asked while waiting; true cuts the wait short.
    """
    if grace_s > 0:
        for child in children:
            child.send(child.spec.stop_signal)
        wait_until(lambda: hurry() or not any(child.is_running for child in children), grace_s)
    for child in children:
        child.kill()


def _open_log(log_path: Path) -> int:
    """Open for appending; a log that grew past 10 MiB becomes `.log.1` first."""
    if log_path.exists() and log_path.stat().st_size > _LOG_LIMIT_BYTES:
        log_path.replace(log_path.with_suffix(".log.1"))
    return os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
