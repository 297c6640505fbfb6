"""Where a long run says how far it is. `mispair.progress` fits, and anything else with these methods."""

from contextlib import AbstractContextManager
from typing import Protocol


class ProgressStep(Protocol):
    """One piece of work that is under way."""

    def update(self, fraction: float | None, note: str = "") -> None:
        """Takes how far it is, in [0, 1] or None where nobody knows, and what it does right now."""


class ProgressDisplay(Protocol):
    """Shows pieces of work."""

    def step(self, label: str) -> AbstractContextManager[ProgressStep]:
        """Shows one for as long as the context lasts."""
        ...
