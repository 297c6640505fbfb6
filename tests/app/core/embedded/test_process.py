import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.core.embedded import child_guard
from app.core.embedded.errors import ChildFailedError, EmbeddedError
from app.core.embedded.process import Child, ChildSpec, guarded_command, last_lines, stop_children
from app.core.embedded.waiting import wait_until
from tests.app.core.embedded.stand_ins import python

_SLEEP = python("import time; time.sleep(60)")
_DEAF = python(
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def _spec(tmp_path: Path, command: tuple[str, ...], *, death_signal: signal.Signals = signal.SIGKILL) -> ChildSpec:
    log_path = tmp_path / "child.log"
    return ChildSpec("child", command, dict(os.environ), tmp_path, log_path, death_signal=death_signal)


def _run_to_its_end(child: Child) -> None:
    assert wait_until(lambda: not child.is_running, 4)


def _start_deaf(tmp_path: Path) -> Child:
    child = Child(_spec(tmp_path, _DEAF))
    assert wait_until(lambda: "deaf" in last_lines(child.spec.log_path), 4)
    return child


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestChild:
    def test_its_exit_status_is_known_once_it_ended(self, tmp_path: Path) -> None:
        child = Child(_spec(tmp_path, python("raise SystemExit(7)")))
        _run_to_its_end(child)
        assert child.exit_code == 7

    def test_it_has_a_session_of_its_own(self, tmp_path: Path) -> None:
        child = Child(_spec(tmp_path, _SLEEP))
        assert os.getsid(child.pid) == child.pid
        child.kill()

    def test_stop_asks_first(self, tmp_path: Path) -> None:
        assert Child(_spec(tmp_path, _SLEEP)).stop(4) == -signal.SIGTERM

    def test_stop_kills_what_does_not_listen(self, tmp_path: Path) -> None:
        assert _start_deaf(tmp_path).stop(0.05) == -signal.SIGKILL

    def test_stopping_twice_gives_the_same_status(self, tmp_path: Path) -> None:
        child = Child(_spec(tmp_path, _SLEEP))
        assert child.stop(4) == child.stop(4)

    def test_what_is_left_of_its_group_dies_with_it(self, tmp_path: Path) -> None:
        fork_and_end = python(
            "import os, time\npid = os.fork()\nif pid == 0:\n  time.sleep(60)\nprint(pid, flush=True)\nos._exit(0)"
        )
        child = Child(_spec(tmp_path, fork_and_end))
        _run_to_its_end(child)
        grandchild = int(child.spec.log_path.read_text())
        assert wait_until(lambda: not _is_alive(grandchild), 2)

    def test_both_outputs_are_appended_to_its_log(self, tmp_path: Path) -> None:
        speak = python("import sys; print('out', flush=True); print('err', file=sys.stderr)")
        for _ in range(2):
            _run_to_its_end(Child(_spec(tmp_path, speak)))
        assert (tmp_path / "child.log").read_text().split() == ["out", "err"] * 2

    def test_a_large_log_is_put_aside_first(self, tmp_path: Path) -> None:
        log_path = tmp_path / "child.log"
        log_path.write_bytes(b"x" * (10 * 1024 * 1024 + 1))
        Child(_spec(tmp_path, _SLEEP)).kill()
        assert log_path.stat().st_size == 0
        assert (tmp_path / "child.log.1").exists()

    def test_a_failure_quotes_the_end_of_its_log(self, tmp_path: Path) -> None:
        child = Child(_spec(tmp_path, python("raise SystemExit('no such table')")))
        _run_to_its_end(child)
        assert "no such table" in str(child.failure("ended"))

    def test_a_program_that_is_not_there_is_said(self, tmp_path: Path) -> None:
        spec = ChildSpec("child", _SLEEP, {}, tmp_path / "nowhere", tmp_path / "child.log")
        with pytest.raises(ChildFailedError, match="child could not be started"):
            Child(spec)

    def test_another_thread_may_not_start_one(self, tmp_path: Path) -> None:
        refusals: list[str] = []

        def start() -> None:
            with pytest.raises(EmbeddedError) as refused:
                Child(_spec(tmp_path, _SLEEP))
            refusals.append(str(refused.value))

        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        assert refusals == ["child must be started from the main thread"]


class TestStopChildren:
    def test_hurry_cuts_the_grace_short(self, tmp_path: Path) -> None:
        child = _start_deaf(tmp_path)
        stop_children([child], 60, hurry=lambda: True)
        assert child.exit_code == -signal.SIGKILL

    def test_no_grace_kills_at_once(self, tmp_path: Path) -> None:
        child = Child(_spec(tmp_path, _SLEEP))
        stop_children([child], 0)
        assert child.exit_code == -signal.SIGKILL


class TestGuardedCommand:
    @pytest.mark.parametrize("death_signal", [signal.SIGKILL, signal.SIGTERM])
    def test_the_command_dies_with_a_killed_parent(self, death_signal: signal.Signals) -> None:
        starter = (
            "import subprocess, sys, time\n"
            "from app.core.embedded.process import guarded_command\n"
            f"child = subprocess.Popen(guarded_command(sys.argv[1:], {int(death_signal)}))\n"
            "print(child.pid, flush=True)\ntime.sleep(60)"
        )
        with subprocess.Popen([sys.executable, "-c", starter, *_SLEEP], stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            # Before it is armed, the guard would notice a dead parent itself; wait for the command proper.
            assert wait_until(lambda: b"child_guard" not in Path(f"/proc/{pid}/cmdline").read_bytes(), 4)
            parent.kill()
        assert wait_until(lambda: not _is_alive(pid), 2)

    def test_a_parent_that_is_gone_already_ends_the_guard(self) -> None:
        command = guarded_command(_SLEEP, signal.SIGKILL)
        stranger = [str(os.getppid()) if word == str(os.getpid()) else word for word in command]
        assert subprocess.run(stranger, check=False, timeout=4).returncode == child_guard.PARENT_GONE

    def test_signals_that_the_parent_ignores_are_not_inherited(self) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            show = ("/bin/grep", "SigIgn", "/proc/self/status")
            answer = subprocess.run(guarded_command(show, signal.SIGKILL), check=True, capture_output=True, text=True)
        finally:
            signal.signal(signal.SIGINT, before)
        ignored = int(answer.stdout.split()[1], 16)
        # Signals 32 and 33 belong to the C library: no program may set them, so whoever ignores them hands that on.
        assert ignored & ~(1 << 31 | 1 << 32) == 0


class TestLastLines:
    def test_a_log_that_is_not_there_has_none(self, tmp_path: Path) -> None:
        assert last_lines(tmp_path / "none.log") == ""

    def test_it_is_the_end(self, tmp_path: Path) -> None:
        (tmp_path / "a.log").write_text("\n".join(str(n) for n in range(5000)))
        assert last_lines(tmp_path / "a.log", 2) == "4998\n4999"
