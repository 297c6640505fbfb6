"""Stages in processes of their own, with small programs in the place of `worker.trainer`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import JobCancelledError, JobFailedError, LeaseLostError
from tests.worker.processes import command_of, descendants
from worker import supervisor
from worker.heartbeat import WorkerStoppingError
from worker.supervisor import Message, StageInterruptedError, run_stage

RunProgram = Callable[..., Message]

# A process between the test and the stage, which a test can kill. The stage waits for a specification that is a pipe.
_MIDDLE = """
import os, sys, time
from pathlib import Path
from worker.supervisor import _StageProcess

folder = Path(sys.argv[1])
os.mkfifo(folder / "spec.json")
process = _StageProcess("features", folder / "spec.json", (folder / "log").open("ab"))
print(process._popen.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def run_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunProgram:
    """`run_program(source)` runs a Python program as a stage."""

    def run(
        source: str,
        *,
        check: Callable[[], None] = lambda: None,
        on_message: Callable[[Message], None] = lambda _message: None,
        no_progress_s: float = 60,
    ) -> Message:
        program = tmp_path / "program.py"
        program.write_text(
            "import json, os, signal, sys, time\ndef tell(**m): print(json.dumps(m), flush=True)\n" + source
        )
        monkeypatch.setattr(
            supervisor, "guarded_command", lambda command, _signal: [sys.executable, str(program), *command[3:]]
        )
        return run_stage(
            "train", {"seed": 1}, tmp_path, check=check, on_message=on_message, no_progress_s=no_progress_s
        )

    return run


@pytest.fixture
def left_behind() -> Callable[[], set[int]]:
    """Processes that the test started and that still live."""
    before = set(descendants(os.getpid()))
    return lambda: set(descendants(os.getpid())) - before


def test_the_result_comes_back_and_the_rest_is_passed_on(run_program: RunProgram) -> None:
    heard: list[Message] = []
    source = "tell(kind='epoch', n=1); tell(kind='result', spec=json.load(open(sys.argv[2])))"
    assert run_program(source, on_message=heard.append) == {"kind": "result", "spec": {"seed": 1}}
    assert heard == [{"kind": "epoch", "n": 1}]


def test_an_error_that_the_stage_tells_fails_the_job(run_program: RunProgram) -> None:
    with pytest.raises(JobFailedError, match="the loss is not finite") as caught:
        run_program("tell(kind='error', code='diverged', detail='the loss is not finite')")
    assert caught.value.code == "diverged"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("sys.exit(3)", "ended with 3"),
        ("raise MemoryError('no memory left')", "MemoryError: no memory left"),
        ("print('{\"kind\": \"ep', end='', flush=True); os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("os.close(1); time.sleep(0.2); os._exit(9)", "ended with 9"),
    ],
)
def test_a_stage_that_dies_is_an_interruption_with_its_reason(source: str, words: str, run_program: RunProgram) -> None:
    with pytest.raises(StageInterruptedError, match=words):
        run_program(source)


def test_a_stage_that_says_nothing_is_ended(run_program: RunProgram, left_behind: Callable[[], set[int]]) -> None:
    started_at = time.monotonic()
    with pytest.raises(StageInterruptedError, match=r"no progress for 0\.3 s"):
        run_program("time.sleep(60)", no_progress_s=0.3)
    assert time.monotonic() - started_at < 5
    assert not left_behind()


@pytest.mark.parametrize("error", [JobCancelledError("cancelled"), LeaseLostError("lost")])
def test_what_the_check_raises_ends_the_stage_with_all_that_it_started(
    error: Exception, run_program: RunProgram, left_behind: Callable[[], set[int]]
) -> None:
    heard: list[Message] = []

    def check() -> None:
        if heard:
            raise error

    source = "import subprocess; tell(kind='epoch', pid=subprocess.Popen(['sleep', '60']).pid); time.sleep(60)"
    with pytest.raises(type(error)):
        run_program(source, check=check, on_message=heard.append)
    assert not command_of(heard[0]["pid"])
    assert not left_behind()


def test_when_the_worker_stops_a_stage_may_finish_its_step(run_program: RunProgram) -> None:
    heard: list[Message] = []

    def check() -> None:
        if heard:
            raise WorkerStoppingError("stop")

    source = (
        "asked = []; signal.signal(signal.SIGTERM, lambda *_: asked.append(1)); tell(kind='epoch', n=1)\n"
        "while not asked: time.sleep(0.01)\n"
        "tell(kind='epoch', n=2); sys.exit(75)\n"
    )
    with pytest.raises(WorkerStoppingError):
        run_program(source, check=check, on_message=heard.append)
    assert [message["n"] for message in heard] == [1, 2]


def test_a_stage_that_does_not_stop_when_asked_is_ended(
    run_program: RunProgram, monkeypatch: pytest.MonkeyPatch, left_behind: Callable[[], set[int]]
) -> None:
    monkeypatch.setattr(supervisor, "_STOP_GRACE_S", 0.2)
    heard: list[Message] = []

    def check() -> None:
        if heard:
            raise WorkerStoppingError("stop")

    source = "signal.signal(signal.SIGTERM, signal.SIG_IGN); tell(kind='epoch'); time.sleep(60)"
    with pytest.raises(WorkerStoppingError):
        run_program(source, check=check, on_message=heard.append)
    assert not left_behind()


def test_the_real_command_dies_with_its_parent(tmp_path: Path) -> None:
    middle_source = tmp_path / "middle.py"
    middle_source.write_text(_MIDDLE)
    command = [sys.executable, str(middle_source), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as middle:
        assert middle.stdout is not None
        stage = int(middle.stdout.readline())
        assert command_of(stage)
        middle.send_signal(signal.SIGKILL)
    give_up_at = time.monotonic() + 5
    while command_of(stage) and time.monotonic() < give_up_at:
        time.sleep(0.02)
    assert not command_of(stage)
