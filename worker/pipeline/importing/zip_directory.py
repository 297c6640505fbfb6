"""Looks at the end of a zip file before `zipfile` loads its whole directory into memory."""

import struct
from pathlib import Path

from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

_END = struct.Struct("<4s4H2LH")  # end of central directory: signature, 4 numbers, size, offset, comment length
_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_LOCATOR = struct.Struct("<4sLQL")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_MAX_COMMENT = 0xFFFF
_BYTES_AN_ENTRY = 256  # 46 and a name; twice the usual, so that long names fit


def check_directory_size(path: Path, limits: ImportLimits) -> None:
    """Refuse a zip whose end is missing, or whose directory would need too much memory.

    Raises:
        ArchiveRefusedError: `truncated_archive` or `too_many_members`.
    """
    size = _directory_size(path)
    if size is None:
        raise ArchiveRefusedError(
            RefusalCode.TRUNCATED_ARCHIVE,
            f"the zip archive has no end: its {path.stat().st_size} bytes hold no end-of-directory record; "
            "it was cut off, so send it again",
        )
    if size > limits.max_archive_members * _BYTES_AN_ENTRY:
        raise ArchiveRefusedError(
            RefusalCode.TOO_MANY_MEMBERS,
            f"the zip archive's directory has {size} bytes, too many for {limits.max_archive_members} members",
        )


def _directory_size(path: Path) -> int | None:
    """Bytes of the central directory as the last end record tells them; None without one."""
    with path.open("rb") as file:
        n_bytes = file.seek(0, 2)
        start = max(0, n_bytes - _END.size - _MAX_COMMENT)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(_END_SIGNATURE)
        if at < 0 or len(tail) - at < _END.size:
            return None
        size = int(_END.unpack_from(tail, at)[5])
        if size != 0xFFFFFFFF:
            return size
        return _zip64_size(tail, at, file_bytes=n_bytes, path=path)


def _zip64_size(tail: bytes, end_at: int, *, file_bytes: int, path: Path) -> int | None:
    at = end_at - _ZIP64_LOCATOR.size
    if at < 0:
        return None
    signature, _, offset, _ = _ZIP64_LOCATOR.unpack_from(tail, at)
    if signature != b"PK\x06\x07" or offset + _ZIP64_END.size > file_bytes:
        return None
    with path.open("rb") as file:
        file.seek(offset)
        return int(_ZIP64_END.unpack(file.read(_ZIP64_END.size))[8])
