"""Looks at the end of a zip file before `zipfile` loads its whole directory into memory."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode, refuse_ambiguous

_END = struct.Struct("<4s4H2LH")  # end of central directory: signature, 4 numbers, size, offset, comment length
_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_LOCATOR = struct.Struct("<4sLQL")
_ZIP64_LOCATOR_SIGNATURE = b"PK\x06\x07"
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_ZIP64_END_SIGNATURE = b"PK\x06\x06"
_ENTRY = struct.Struct("<4s24x3H12x")  # signature; lengths of name, extra field and comment
_ENTRY_SIGNATURE = b"PK\x01\x02"
_MAX_COMMENT = 0xFFFF
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_BYTES_AN_ENTRY = 256  # 46 and a name; twice the usual, so that long names fit


@dataclass(frozen=True)
class ZipDirectory:
    """Where the central directory lies, and how many members it has."""

    offset: int
    n_bytes: int
    n_entries: int


def find_directory(path: Path, limits: ImportLimits) -> ZipDirectory:
    """Find the directory; refuse a file on whose directory readers could disagree, or one that needs too much memory.

    The directory must end where the end records begin, these must agree, and the last of them must end the file.

    Raises:
        ArchiveRefusedError: `truncated_archive`, `ambiguous_archive`, `unreadable_archive` or `too_many_members`.
    """
    with path.open("rb") as file:
        directory, end_at = _told(file)
        if (
            directory.n_bytes > limits.max_archive_members * _BYTES_AN_ENTRY
            or directory.n_entries > limits.max_archive_members
        ):
            raise ArchiveRefusedError(
                RefusalCode.TOO_MANY_MEMBERS,
                f"the zip archive's directory tells {directory.n_entries} members in {directory.n_bytes} bytes, "
                f"at most {limits.max_archive_members} members are allowed",
            )
        if directory.offset + directory.n_bytes != end_at:
            raise refuse_ambiguous("its directory does not end where its end record begins")
        _check_entries(file, directory)
    return directory


def _told(file: IO[bytes]) -> tuple[ZipDirectory, int]:
    """What the end records tell, and where the first of them begins."""
    n_bytes = file.seek(0, 2)
    tail_at = max(0, n_bytes - _END.size - _MAX_COMMENT)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) - at < _END.size:
        raise _truncated(f"its {n_bytes} bytes hold no end-of-directory record")
    _, disk, directory_disk, n_here, n_entries, size, offset, n_comment = _END.unpack_from(tail, at)
    if len(tail) - at - _END.size < n_comment:
        raise _truncated(f"its end record promises a comment of {n_comment} bytes")
    if len(tail) - at - _END.size > n_comment:
        raise refuse_ambiguous("it goes on behind its end record")
    end_at = tail_at + at
    directory = ZipDirectory(offset, size, n_entries)
    parts = {disk, directory_disk}
    if _FULL_16 in (n_here, n_entries, disk) or _FULL_32 in (size, offset) or _has_locator(tail, at):
        directory, end_at, parts = _zip64(file, end_at, directory, parts, is_told=_is_full(directory))
        n_here = n_entries
    if parts != {0} or n_here != n_entries:
        raise ArchiveRefusedError(
            RefusalCode.UNREADABLE_ARCHIVE, "the zip archive is one part of a split archive, expected all in one file"
        )
    return directory, end_at


def _is_full(directory: ZipDirectory) -> bool:
    return _FULL_32 in (directory.n_bytes, directory.offset)


def _has_locator(tail: bytes, end_at: int) -> bool:
    return tail[max(0, end_at - _ZIP64_LOCATOR.size) : end_at].startswith(_ZIP64_LOCATOR_SIGNATURE)


def _zip64(
    file: IO[bytes], end_at: int, short: ZipDirectory, parts: set[int], *, is_told: bool
) -> tuple[ZipDirectory, int, set[int]]:
    """The same from the zip64 records in front; where these are missing, 65,535 members may just be that many."""
    locator = _read_at(file, end_at - _ZIP64_LOCATOR.size, _ZIP64_LOCATOR.size)
    if not locator.startswith(_ZIP64_LOCATOR_SIGNATURE):
        if is_told:
            raise _truncated("it has no zip64 end record, of which its end record tells")
        return short, end_at, parts
    _, disk, record_at, n_disks = _ZIP64_LOCATOR.unpack(locator)
    if record_at > end_at - _ZIP64_LOCATOR.size - _ZIP64_END.size:
        raise _truncated(f"its zip64 end record is said to lie at byte {record_at}")
    record = _ZIP64_END.unpack(_read_at(file, record_at, _ZIP64_END.size))
    signature, size, _, _, this_disk, directory_disk, n_here, n_entries, n_bytes, offset = record
    if signature != _ZIP64_END_SIGNATURE or record_at + 12 + size != end_at - _ZIP64_LOCATOR.size:
        raise refuse_ambiguous("its zip64 end record does not lie in front of its end record")
    told = (
        (short.n_entries, n_entries, _FULL_16),
        (short.n_bytes, n_bytes, _FULL_32),
        (short.offset, offset, _FULL_32),
    )
    if any(plain not in (long, full) for plain, long, full in told) or n_here != n_entries:
        raise refuse_ambiguous("its two end records tell different directories")
    found = {disk, this_disk, directory_disk, *(parts - {_FULL_16}), max(0, n_disks - 1)}
    return ZipDirectory(offset, n_bytes, n_entries), record_at, found


def _check_entries(file: IO[bytes], directory: ZipDirectory) -> None:
    """Walk over the entries, none of which is kept, so that `zipfile` does not load more of them than told."""
    file.seek(directory.offset)
    left, n_entries = directory.n_bytes, 0
    while left > 0:
        head = file.read(_ENTRY.size)
        if len(head) < _ENTRY.size or not head.startswith(_ENTRY_SIGNATURE):
            raise refuse_ambiguous("its directory holds something else than members")
        behind = sum(_ENTRY.unpack(head)[1:])
        # Relative, and inside the buffer for the most part.
        file.seek(behind, 1)
        left -= _ENTRY.size + behind
        n_entries += 1
    if left != 0 or n_entries != directory.n_entries:
        raise refuse_ambiguous(f"its directory holds {n_entries} members, its end record tells {directory.n_entries}")


def _read_at(file: IO[bytes], offset: int, n_bytes: int) -> bytes:
    if offset < 0:
        return b""
    file.seek(offset)
    return file.read(n_bytes)


def _truncated(why: str) -> ArchiveRefusedError:
    return ArchiveRefusedError(
        RefusalCode.TRUNCATED_ARCHIVE, f"the zip archive has no end: {why}; it was cut off, so send it again"
    )
