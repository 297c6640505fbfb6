"""Hashes under way, so that an upload in several requests is hashed as it comes and not once more at its end."""

import hashlib
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

_MOST_KEPT = 256


class Digests:
    """SHA-256 states of this process by upload. One that is missing costs a reading of the stored bytes, no more.

    Only the event loop's thread calls it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[uuid.UUID, tuple[int, _Hash]] = OrderedDict()

    def take(self, upload_id: uuid.UUID, n_hashed: int) -> "_Hash | None":
        """The state after exactly `n_hashed` bytes, out of the collection: it has one user at a time."""
        kept_at, digest = self._kept.pop(upload_id, (0, None))
        if n_hashed == 0:
            return hashlib.sha256()
        return digest if kept_at == n_hashed else None

    def keep(self, upload_id: uuid.UUID, n_hashed: int, digest: "_Hash | None") -> None:
        """Remember a state; the one that was used longest ago makes room."""
        if digest is None:
            return
        self._kept[upload_id] = (n_hashed, digest)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
