"""One child that is started again when it ends, later each time while it keeps ending."""

import time
from collections.abc import Callable

from app.core.embedded.errors import EmbeddedError
from app.core.embedded.process import Child

_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 30.0
_STEADY_S = 30.0


class SupervisedChild:
    """A child and its back-off: 0.2 s after the first end, doubling to 30 s, from the start again after 30 s of life.

    Args:
        name: what messages call it.
        launch: starts it and returns at once.
        clock: monotonic seconds.
    """

    def __init__(self, name: str, launch: Callable[[], Child], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.n_ends = 0
        self.child: Child | None = None
        self._launch = launch
        self._clock = clock
        self._started_at = 0.0
        self._start_again_at: float | None = None

    def adopt(self, child: Child) -> None:
        """Take over a child that runs already."""
        self.child = child
        self._started_at = self._clock()
        self._start_again_at = None

    def start(self) -> None:
        """Start it.

        Raises:
            EmbeddedError: it cannot be started.
        """
        self.adopt(self._launch())

    def look_after(self) -> str | None:
        """Notice its end and start it again when it is due; call this often.

        Returns:
            One sentence when something happened, else None.
        """
        now = self._clock()
        if self._start_again_at is not None:
            return self._start_again(now) if now >= self._start_again_at else None
        if self.child is None or self.child.is_running:
            return None
        if now - self._started_at >= _STEADY_S:
            self.n_ends = 0
        delay_s = self._wait_before_next(now)
        return f"{self.name} {_ending(self.child.exit_code)}; it starts again in {delay_s:g} s"

    def _start_again(self, now: float) -> str:
        try:
            self.start()
        except EmbeddedError as error:
            delay_s = self._wait_before_next(now)
            return f"{self.name} did not start ({error}); the next try is in {delay_s:g} s"
        return f"{self.name} runs again"

    def _wait_before_next(self, now: float) -> float:
        delay_s = min(_FIRST_DELAY_S * 2.0 ** min(self.n_ends, 16), _LONGEST_DELAY_S)
        self.n_ends += 1
        self._start_again_at = now + delay_s
        return delay_s


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was ended by signal {-exit_code}"
    return f"ended with status {exit_code}"
