"""A name for each pair that its owner recognises, unique within a version."""

import hashlib

_MAX_ID_CHARS = 200  # longer ones do not fit the unique index
_HASH_CHARS = 32


class PairKeys:
    """Gives out keys: the user's id, else the hash of image and caption; the n-th repeat (n > 1) ends in `#n`."""

    def __init__(self) -> None:
        self._n_given: dict[str, int] = {}
        self._taken: set[str] = set()

    def reserve(self, key: str) -> None:
        """Note a key that was given out before."""
        self._taken.add(key)

    def key(self, source_id: str | None, image_sha256: bytes, caption: str) -> str:
        """The next pair's key."""
        wanted = (source_id or "").strip()
        if not wanted or len(wanted) > _MAX_ID_CHARS:
            wanted = hashlib.sha256(image_sha256 + caption.encode("utf-8")).hexdigest()[:_HASH_CHARS]
        n = self._n_given.get(wanted, 0) + 1
        key = wanted if n == 1 else f"{wanted}#{n}"
        # The user may have named another pair `a#2` already.
        while key in self._taken:
            n += 1
            key = f"{wanted}#{n}"
        self._n_given[wanted] = n
        self._taken.add(key)
        return key
