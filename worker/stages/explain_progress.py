"""Tells how far the explaining is, now and then."""

import time
from typing import final

from worker.trainer import Tell

_TELL_S = 1.0


@final
class ExplainProgress:
    """A part of the stage, which ends at `ends`; speaks at most once a second.

    Args:
        tell: gets `explain` messages with the `share` of the stage that is done.
        total: how many steps the part has.
        begins, ends: the part's place within the stage.
    """

    def __init__(self, tell: Tell, total: int, *, begins: float, ends: float) -> None:
        self._tell = tell
        self._total = max(1, total)
        self._begins, self._ends = begins, ends
        self._done = 0
        self._told_at = 0.0

    def add(self, n: int = 1) -> None:
        """So many more steps are done."""
        self._done = min(self._done + n, self._total)
        if time.monotonic() - self._told_at > _TELL_S:
            self._told_at = time.monotonic()
            share = self._begins + (self._ends - self._begins) * self._done / self._total
            self._tell({"kind": "explain", "share": share})
