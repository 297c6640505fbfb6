import os
from pathlib import Path

from app.core.embedded.errors import ChildFailedError
from app.core.embedded.process import Child, ChildSpec
from app.core.embedded.supervised import SupervisedChild
from app.core.embedded.waiting import wait_until
from tests.app.core.embedded.stand_ins import python


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _supervise(tmp_path: Path, clock: _Clock, command: tuple[str, ...]) -> SupervisedChild:
    spec = ChildSpec("worker", command, dict(os.environ), tmp_path, tmp_path / "worker.log")
    watched = SupervisedChild("worker", lambda: Child(spec), clock=clock)
    watched.start()
    return watched


def _wait_for_end(watched: SupervisedChild) -> None:
    child = watched.child
    assert child is not None
    assert wait_until(lambda: not child.is_running, 4)


class TestSupervisedChild:
    def test_nothing_happens_while_it_runs(self, tmp_path: Path) -> None:
        watched = _supervise(tmp_path, _Clock(), python("import time; time.sleep(60)"))
        assert watched.look_after() is None
        assert watched.child is not None
        watched.child.kill()

    def test_its_end_is_told_with_status_and_delay(self, tmp_path: Path) -> None:
        watched = _supervise(tmp_path, _Clock(), python("raise SystemExit(3)"))
        _wait_for_end(watched)
        assert watched.look_after() == "worker ended with status 3; it starts again in 0.2 s"

    def test_a_signal_is_named_as_one(self, tmp_path: Path) -> None:
        watched = _supervise(tmp_path, _Clock(), python("import os; os.kill(os.getpid(), 9)"))
        _wait_for_end(watched)
        assert watched.look_after() == "worker was ended by signal 9; it starts again in 0.2 s"

    def test_it_starts_again_only_after_the_delay(self, tmp_path: Path) -> None:
        clock = _Clock()
        watched = _supervise(tmp_path, clock, python("pass"))
        _wait_for_end(watched)
        watched.look_after()
        clock.now += 0.1
        assert watched.look_after() is None
        clock.now += 0.11
        assert watched.look_after() == "worker runs again"
        _wait_for_end(watched)

    def test_delays_double_up_to_half_a_minute(self, tmp_path: Path) -> None:
        clock = _Clock()
        watched = _supervise(tmp_path, clock, python("pass"))
        _wait_for_end(watched)
        watched.n_ends = 5
        assert "in 6.4 s" in str(watched.look_after())
        clock.now += 7
        watched.look_after()
        _wait_for_end(watched)
        watched.n_ends = 500
        assert "in 30 s" in str(watched.look_after())

    def test_a_steady_life_starts_the_delays_anew(self, tmp_path: Path) -> None:
        clock = _Clock()
        watched = _supervise(tmp_path, clock, python("pass"))
        watched.n_ends = 5
        _wait_for_end(watched)
        clock.now += 31
        assert "in 0.2 s" in str(watched.look_after())

    def test_a_start_that_fails_is_told_and_tried_again(self, tmp_path: Path) -> None:
        clock = _Clock()
        spec = ChildSpec("worker", python("pass"), dict(os.environ), tmp_path, tmp_path / "worker.log")
        refusals = [ChildFailedError("no memory")]

        def launch() -> Child:
            if watched.n_ends > 0 and refusals:
                raise refusals.pop()
            return Child(spec)

        watched = SupervisedChild("worker", launch, clock=clock)
        watched.start()
        _wait_for_end(watched)
        watched.look_after()
        clock.now += 1
        assert watched.look_after() == "worker did not start (no memory); the next try is in 0.4 s"
        clock.now += 1
        assert watched.look_after() == "worker runs again"
        _wait_for_end(watched)
