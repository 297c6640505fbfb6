"""Counts what decompression really produces, because sizes in headers lie."""

import io
import threading
from typing import IO

from typing_extensions import Buffer

from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode


class ProducedBytes:
    """The bytes that an archive has produced so far; safe to use from several threads.

    Args:
        limit: bytes after which the archive is refused as a bomb.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._n_bytes = 0
        self._lock = threading.Lock()

    def add(self, n_bytes: int) -> None:
        """Count bytes.

        Raises:
            ArchiveRefusedError: `archive_bomb`, beyond the limit.
        """
        with self._lock:
            self._n_bytes += n_bytes
            is_over = self._n_bytes > self._limit
        if is_over:
            self.refuse()

    def refuse(self) -> None:
        """Raise what `add` raises."""
        raise ArchiveRefusedError(
            RefusalCode.ARCHIVE_BOMB,
            f"the archive unpacks to more than {self._limit} bytes, which is the most for an archive of its size",
        )


class CountedReader(io.RawIOBase):
    """A stream whose bytes are counted as they are read."""

    def __init__(self, stream: IO[bytes], produced: ProducedBytes) -> None:
        super().__init__()
        self._stream = stream
        self._produced = produced

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Read the next bytes into `buffer`; 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        self._produced.add(len(data))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the stream beneath as well."""
        self._stream.close()
        super().close()
