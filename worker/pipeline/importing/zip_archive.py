"""Zip archives, read through their central directory."""

import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.pipeline.importing.archive import DamagedMemberError, Member, MemberIndex, refuse_link, refuse_special
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.produced_bytes import CountedReader, ProducedBytes
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode, refuse_ambiguous
from worker.pipeline.importing.zip_directory import find_directory
from worker.pipeline.importing.zip_layout import check_layout

_ENCRYPTED = 0x1 | 0x40
_UTF8_NAME = 0x800
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

# What `zipfile` raises on damaged input, beside its own error.
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, OverflowError)


class ZipArchive:
    """A zip archive whose directory and headers have been checked. Use as a context manager.

    Args:
        path: the archive.
        limits: of the import.
        check: called now and then; it may raise.
    """

    kind = "zip"

    def __init__(self, path: Path, limits: ImportLimits, check: Callable[[], None]) -> None:
        directory = find_directory(path, limits)
        try:
            self._zip = zipfile.ZipFile(path)
        except _FAULTS as error:
            raise ArchiveRefusedError(
                RefusalCode.UNREADABLE_ARCHIVE, f"the zip archive cannot be read: {error}"
            ) from error
        try:
            limit = limits.max_unpacked_bytes(path.stat().st_size)
            self._produced = ProducedBytes(limit)
            self._index = _index(self._zip.infolist(), limits)
            with path.open("rb") as file:
                check_layout(file, self._zip.infolist(), directory, check)
            if sum(self._index.total_bytes()) > limit:
                self._produced.refuse()
        except BaseException:
            self._zip.close()
            raise

    @property
    def members(self) -> Mapping[str, Member]:
        """Regular files by canonical name."""
        return self._index.members

    def read(self, member: Member, n_bytes: int | None = None) -> bytes:
        """A member's bytes, or the first of them. `ZipFile` locks its file, so threads may read at once."""
        try:
            with self._zip.open(member.place) as file:
                data = file.read(member.n_bytes if n_bytes is None else n_bytes)
                if n_bytes is None:
                    # One more read meets the end, where the checksum is compared.
                    data += file.read(1)
        except _FAULTS as error:
            raise DamagedMemberError(f"its bytes in the archive are damaged: {error}") from error
        self._produced.add(len(data))
        if n_bytes is None and len(data) != member.n_bytes:
            raise DamagedMemberError(f"it has {len(data)} bytes in the archive, which declares {member.n_bytes}")
        return data

    def open(self, member: Member) -> io.RawIOBase:
        """A stream over a member; damage shows as an `OSError` or `zipfile.BadZipFile` while it is read."""
        try:
            return CountedReader(self._zip.open(member.place), self._produced)
        except _FAULTS as error:
            raise DamagedMemberError(f"its bytes in the archive are damaged: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._zip.close()


def _index(entries: list[zipfile.ZipInfo], limits: ImportLimits) -> MemberIndex:
    index = MemberIndex(limits)
    for info in entries:
        index.count()
        _check_kind(info)
        # `orig_filename` still has what `ZipInfo` cuts off behind a NUL.
        name = _decoded_name(info)
        if name.endswith("/"):
            index.check_name(name)
            if info.file_size:
                raise refuse_ambiguous(f"its folder {printable(name)!r} holds {info.file_size} bytes of its own")
        else:
            index.add(name, info.file_size, info)
    return index


def _check_kind(info: zipfile.ZipInfo) -> None:
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        raise refuse_link(info.orig_filename)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refuse_special(info.orig_filename)
    if info.volume != 0:
        raise ArchiveRefusedError(
            RefusalCode.UNREADABLE_ARCHIVE,
            f"archive member {printable(info.orig_filename)!r} lies in another part of a split archive",
        )
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveRefusedError(
            RefusalCode.ENCRYPTED_MEMBER,
            f"archive member {printable(info.orig_filename)!r} is encrypted, expected an archive without a password",
        )
    if info.compress_type not in _METHODS:
        raise ArchiveRefusedError(
            RefusalCode.UNREADABLE_ARCHIVE,
            f"archive member {printable(info.orig_filename)!r} uses compression method {info.compress_type}, "
            "expected stored (0) or deflated (8)",
        )


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """The name; old tools write UTF-8 without saying so, which `zipfile` reads as code page 437."""
    if info.flag_bits & _UTF8_NAME:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return info.orig_filename
