"""A few expensive things kept open, the least recently used dropped first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar, final

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


@final
class Held(Generic[KeyT, ValueT]):
    """Values by key, each loaded once however many threads ask at the same time.

    Loading one blocks only those who want the same one. A dropped value lives on for whoever is using it.

    Args:
        n_held: how many to hold, at least 1.
    """

    def __init__(self, n_held: int) -> None:
        self._n_held = n_held
        self._slots: OrderedDict[KeyT, _Slot[ValueT]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: KeyT, load: Callable[[], ValueT]) -> ValueT:
        """The value of a key, loaded now if it is not held. A load that fails is tried again by the next call."""
        with self._lock:
            slot = self._slots.pop(key, None) or _Slot()
            self._slots[key] = slot
            if len(self._slots) > self._n_held:
                self._slots.popitem(last=False)
        with slot.lock:
            if not slot.values:
                slot.values.append(load())
            return slot.values[0]

    def __contains__(self, key: KeyT) -> bool:
        slot = self._slots.get(key)
        return slot is not None and bool(slot.values)

    def __len__(self) -> int:
        return len(self._slots)


@final
class _Slot(Generic[ValueT]):
    """A place for one value; empty until it is loaded."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.values: list[ValueT] = []
