"""How fast bytes go, and how long the rest will take."""

import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 10.0
_MIB = 1024 * 1024


class TransferRate:
    """Measures over the last ten seconds. Where a transfer goes on from another byte, it measures anew.

    Args:
        clock: seconds that only grow; for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, n_sent: int) -> None:
        """So many bytes have been sent by now."""
        if self._seen and n_sent < self._seen[-1][1]:
            self._seen.clear()
        now = self._clock()
        self._seen.append((now, n_sent))
        while self._seen[0][0] < now - _WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()

    @property
    def bytes_per_s(self) -> float | None:
        """None until there is something to measure."""
        if len(self._seen) < 2:
            return None
        (began_at, n_before), (ended_at, n_after) = self._seen[0], self._seen[-1]
        return (n_after - n_before) / (ended_at - began_at) if ended_at > began_at and n_after > n_before else None

    def describe(self, n_sent: int, n_bytes: int) -> str:
        """Such as `12.0 of 40.0 MiB, 5.2 MiB/s, about 5 s left`."""
        self.note(n_sent)
        told = f"{n_sent / _MIB:.1f} of {n_bytes / _MIB:.1f} MiB"
        rate = self.bytes_per_s
        if rate is None:
            return told
        left_s = (n_bytes - n_sent) / rate
        return f"{told}, {rate / _MIB:.1f} MiB/s" + (f", {_describe_wait(left_s)} left" if left_s >= 1 else "")


def _describe_wait(seconds: float) -> str:
    if seconds < 120:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 120 else f"about {minutes / 60:.0f} h"
