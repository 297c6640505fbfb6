"""The few indexes that a process keeps open, the least recently used dropped first."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import final

from crcl_core.retrieval.index import VectorIndex, open_index


@final
class IndexCache:
    """Opened indexes by folder, safe to share between threads.

    A dropped index stays valid for whoever is searching it: its map is released with the last reference.

    Args:
        max_entries: How many indexes to hold at most, at least 1.
    """

    def __init__(self, max_entries: int) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries is {max_entries}, expected at least 1")
        self._max_entries = max_entries
        self._opened: OrderedDict[Path, VectorIndex] = OrderedDict()
        # Held while opening, so that two threads asking for one index open it once; that takes well under a second.
        self._lock = Lock()

    def get(self, folder: Path) -> VectorIndex:
        """Returns the index of a folder, opened by this call or an earlier one; see `open_index` for what it raises."""
        with self._lock:
            index = self._opened.pop(folder, None) or open_index(folder)
            self._opened[folder] = index
            if len(self._opened) > self._max_entries:
                self._opened.popitem(last=False)
            return index

    def __len__(self) -> int:
        return len(self._opened)
