"""Tar archives, plain or compressed. The member list is read once; bytes are then read by their place."""

import io
import os
import re
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self, cast

from worker.pipeline.importing.archive import DamagedMemberError, Member, MemberIndex, refuse_link, refuse_special
from worker.pipeline.importing.file_part import FilePart
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.produced_bytes import ProducedBytes
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode, refuse_ambiguous
from worker.pipeline.importing.unpacking import unpack

_BLOCK = 512
_MAX_HEADER_BYTES = 1024 * 1024  # a path or extended header; `tarfile` would hold whatever a header declares
_LONG_NUMBER = re.compile(rb"[0-9]{100}")
_FAULTS = (tarfile.TarError, ValueError, OverflowError, RecursionError, EOFError, OSError)


class TarArchive:
    """A tar archive whose member list has been checked. Use as a context manager.

    Args:
        path: the archive.
        limits: of the import.
        is_compressed: whether it must be unpacked first. That goes to an unnamed temporary file, which ends with the
            process, so that members can be read in any order.
        scratch: folder of that temporary file.
        check: called now and then; it may raise.
    """

    kind = "tar"

    def __init__(
        self, path: Path, limits: ImportLimits, *, is_compressed: bool, scratch: Path, check: Callable[[], None]
    ) -> None:
        self._produced = ProducedBytes(limits.max_unpacked_bytes(path.stat().st_size))
        self._file = unpack(path, self._produced, scratch, check) if is_compressed else path.open("rb")
        try:
            self._n_bytes = self._file.seek(0, io.SEEK_END)
            self._file.seek(0)
            self._index = MemberIndex(limits)
            index_tar(self._file, self._n_bytes, self._index, check)
        except BaseException:
            self._file.close()
            raise

    @property
    def members(self) -> Mapping[str, Member]:
        """Regular files by canonical name."""
        return self._index.members

    def read(self, member: Member, n_bytes: int | None = None) -> bytes:
        """A member's bytes, or the first of them."""
        wanted = member.n_bytes if n_bytes is None else min(n_bytes, member.n_bytes)
        data = os.pread(self._file.fileno(), wanted, member.place)
        if len(data) != wanted:
            raise DamagedMemberError(f"it has {len(data)} bytes in the archive, which declares {member.n_bytes}")
        return data

    def open(self, member: Member) -> io.RawIOBase:
        """A stream over a member."""
        return FilePart(self._file.fileno(), member.place, member.n_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()


class _WatchedFile(io.RawIOBase):
    """What `tarfile` reads headers from: bounds each read and remembers the last one.

    `tarfile` takes a damaged header in the middle for the end of the archive. Only the bytes that it read last tell the
    two apart.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.last_read = b""

    def read(self, n_bytes: int = -1) -> bytes:
        if not 0 <= n_bytes <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header declares {n_bytes} bytes, at most {_MAX_HEADER_BYTES} are allowed")
        self.last_read = self._file.read(n_bytes)
        # `tarfile` looks for numbers in an extended header in time that grows with the square of their length.
        if len(self.last_read) > _BLOCK and _LONG_NUMBER.search(self.last_read):
            raise tarfile.ReadError("a header holds a number of 100 digits or more")
        return self.last_read

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class TarIndex(Protocol):
    """What the members of a tar are added to. Each method may raise what refuses the archive."""

    def count(self) -> None:
        """Count one entry."""

    def check_name(self, name: str) -> str:
        """The canonical name."""

    def add(self, name: str, n_bytes: int, place: int) -> None:
        """Add a regular file whose bytes begin at `place`."""


def index_tar(file: IO[bytes], n_bytes: int, index: TarIndex, check: Callable[[], None]) -> None:
    """Add the members of a tar to an index.

    Args:
        file: the tar, at its beginning.
        n_bytes: its size.
        index: what they are added to.
        check: called for each member; it may raise.

    Raises:
        ArchiveRefusedError: the tar is damaged, or holds what no archive may hold.
    """
    watched = _WatchedFile(file)
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", watched), mode="r:") as tar:
            while (info := tar.next()) is not None:
                check()
                _add(index, info, n_bytes)
                tar.members.clear()  # type: ignore[attr-defined]  # typeshed omits it; it would keep every header
    except _FAULTS as error:
        raise ArchiveRefusedError(*_fault(error, file, n_bytes)) from error
    _check_end(watched.last_read, file)


def _add(index: TarIndex, info: tarfile.TarInfo, n_bytes: int) -> None:
    index.count()
    if info.islnk() or info.issym():
        raise refuse_link(info.name)
    if info.isdir():
        index.check_name(info.name)
        return
    if not info.isreg() or info.issparse():
        raise refuse_special(info.name)
    if info.size < 0:
        raise tarfile.ReadError(f"a header declares {info.size} bytes")
    if info.offset_data + info.size > n_bytes:
        raise _truncated(n_bytes)
    index.add(info.name, info.size, info.offset_data)


def _fault(error: BaseException, file: IO[bytes], n_bytes: int) -> tuple[RefusalCode, str]:
    if n_bytes and file.tell() >= n_bytes:
        return RefusalCode.TRUNCATED_ARCHIVE, _truncated(n_bytes).detail
    return RefusalCode.UNREADABLE_ARCHIVE, f"the tar archive cannot be read: {error}"


def _check_end(last_block: bytes, file: IO[bytes]) -> None:
    """The last header that was read must be the block of zeros that ends a tar, with nothing but padding behind it."""
    if len(last_block) < _BLOCK:
        raise _truncated(file.tell())
    if any(last_block):
        raise ArchiveRefusedError(
            RefusalCode.UNREADABLE_ARCHIVE, f"the tar archive has a damaged header before byte {file.tell()}"
        )
    while chunk := file.read(_MAX_HEADER_BYTES):
        if any(chunk):
            raise refuse_ambiguous("it goes on behind its end, expected one archive")


def _truncated(n_bytes: int) -> ArchiveRefusedError:
    return ArchiveRefusedError(
        RefusalCode.TRUNCATED_ARCHIVE,
        f"the tar archive stops at byte {n_bytes} without an end; it was cut off, so send it again",
    )
