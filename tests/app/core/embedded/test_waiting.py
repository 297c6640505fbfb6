import pytest

from app.core.embedded.errors import StoppedEarlyError
from app.core.embedded.waiting import wait_until


class TestWaitUntil:
    def test_what_is_true_already_needs_no_wait(self) -> None:
        assert wait_until(lambda: True, 0)

    def test_time_runs_out(self) -> None:
        assert not wait_until(lambda: False, 0.02)

    def test_it_comes_true_later(self) -> None:
        answers = iter([False, False, True])
        assert wait_until(lambda: next(answers), 4)

    def test_a_request_to_stop_ends_the_wait(self) -> None:
        with pytest.raises(StoppedEarlyError):
            wait_until(lambda: False, 60, cancelled=lambda: True)
