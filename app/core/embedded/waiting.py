"""Waiting for a condition without losing a request to stop."""

import time
from collections.abc import Callable

from app.core.embedded.errors import StoppedEarlyError

Cancelled = Callable[[], bool]


def never() -> bool:
    """The `cancelled` of a caller that cannot be asked to stop."""
    return False


def wait_until(condition: Callable[[], bool], timeout_s: float, *, cancelled: Cancelled = never) -> bool:
    """Poll `condition`, first often and then every 50 ms.

    Args:
        condition: what to wait for; cheap, called from this thread.
        timeout_s: longest wait in seconds.
        cancelled: asked between two polls.

    Returns:
        Whether the condition came true in time.

    Raises:
        StoppedEarlyError: `cancelled` said so.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = 0.005
    while not condition():
        if cancelled():
            raise StoppedEarlyError("stopped before everything was ready")
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.05)
    return True
