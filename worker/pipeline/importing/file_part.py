"""Part of a file as a stream of its own."""

import io
import os
from typing import final

from typing_extensions import Buffer


@final
class FilePart(io.RawIOBase):
    """Bytes of an open file from `start` on; reads by place, so that several parts of one file do not meet.

    Attributes:
        descriptor: of the file, which stays its owner's.
        start: where the part begins.
        n_bytes: its size.
    """

    def __init__(self, descriptor: int, start: int, n_bytes: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.start = start
        self.n_bytes = n_bytes
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place within the part."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.n_bytes}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def tell(self) -> int:
        """The place within the part."""
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """Read the next bytes into `buffer`; 0 at the end."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self.n_bytes - self._at))
        data = os.pread(self.descriptor, wanted, self.start + self._at)
        self._at += len(data)
        view[: len(data)] = data
        return len(data)
