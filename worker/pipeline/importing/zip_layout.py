"""Whether a zip file reads the same from its front as from its directory.

Programs that read a zip as a stream believe the header in front of each member, others believe the directory. Where
the two differ, or where bytes belong to no member or to several, the file means different things to different programs.
"""

import os
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import IO

from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, refuse_ambiguous
from worker.pipeline.importing.zip_directory import ZipDirectory

_LOCAL = struct.Struct("<4s5H3L2H")  # signature, version, flags, method, 2 of time, checksum, 2 sizes, 2 lengths
_LOCAL_SIGNATURE = b"PK\x03\x04"
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
_DESCRIPTOR = 0x8  # checksum and sizes follow the bytes
_UTF8_NAME = 0x800
_COMPARED_FLAGS = 0x1 | 0x40 | _DESCRIPTOR
_ZIP64_EXTRA = 1
_FULL_32 = 0xFFFFFFFF
_LONGEST_DESCRIPTOR = 24
_MEMBERS_A_CHECK = 5_000


def check_layout(
    file: IO[bytes], entries: Sequence[zipfile.ZipInfo], directory: ZipDirectory, check: Callable[[], None]
) -> None:
    """Walk over the members in the order in which they lie. From the first byte to the directory, each byte must belong
    to one of them, and the header in front of each must tell what the directory tells.

    Args:
        file: the archive, of which nothing but headers is read.
        entries: of the directory.
        directory: where it lies.
        check: called now and then; it may raise to stop the import.

    Raises:
        ArchiveRefusedError: `ambiguous_archive`.
    """
    descriptor, at = file.fileno(), 0
    for n_seen, info in enumerate(sorted(entries, key=lambda info: info.header_offset)):
        if n_seen % _MEMBERS_A_CHECK == 0:
            check()
        if info.header_offset != at:
            what = "lies inside another member" if info.header_offset < at else f"does not follow at byte {at}"
            raise _refused(info, what)
        at = _end_of(descriptor, info, directory.offset)
    if at != directory.offset:
        raise refuse_ambiguous(f"{directory.offset - at} bytes in front of its directory belong to no member")


def _end_of(descriptor: int, info: zipfile.ZipInfo, limit: int) -> int:
    """Where the member ends, with what follows its bytes."""
    head = os.pread(descriptor, _LOCAL.size, info.header_offset)
    if len(head) < _LOCAL.size or not head.startswith(_LOCAL_SIGNATURE):
        raise _refused(info, "has no header in front of it")
    _, _, flags, method, _, _, crc, n_compressed, n_bytes, n_name, n_extra = _LOCAL.unpack(head)
    behind = os.pread(descriptor, n_name + n_extra, info.header_offset + _LOCAL.size)
    end = info.header_offset + _LOCAL.size + n_name + n_extra + info.compress_size
    if end > limit:
        raise _refused(info, "reaches into the directory")
    if (flags ^ info.flag_bits) & _COMPARED_FLAGS or method != info.compress_type:
        raise _refused(info, "has other flags or another method in the header in front of it")
    is_ascii = behind[:n_name].isascii()
    if behind[:n_name] != _raw_name(info) or (not is_ascii and (flags ^ info.flag_bits) & _UTF8_NAME):
        raise _refused(info, "has another name in the header in front of it")
    if _FULL_32 in (n_bytes, n_compressed):
        n_bytes, n_compressed = _long_sizes(behind[n_name:], n_bytes, n_compressed)
    told = ((crc, info.CRC), (n_bytes, info.file_size), (n_compressed, info.compress_size))
    is_late = bool(flags & _DESCRIPTOR)
    # Whoever writes to a pipe does not know them yet, and says 0.
    if any(front != true and not (is_late and front in (0, _FULL_32)) for front, true in told):
        raise _refused(info, "has another size or checksum in the header in front of it")
    return int(end) + (_descriptor_bytes(descriptor, info, end) if is_late else 0)


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8_NAME else "cp437")


def _long_sizes(extra: bytes, n_bytes: int, n_compressed: int) -> tuple[int, int]:
    """Sizes from the zip64 field; a size that is not there keeps its short form, which then equals nothing."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind != _ZIP64_EXTRA:
            continue
        numbers = list(struct.unpack_from(f"<{len(field) // 8}Q", field))
        if n_bytes == _FULL_32 and numbers:
            n_bytes = numbers.pop(0)
        if n_compressed == _FULL_32 and numbers:
            n_compressed = numbers.pop(0)
        break
    return n_bytes, n_compressed


def _descriptor_bytes(descriptor: int, info: zipfile.ZipInfo, at: int) -> int:
    """Length of the checksum and sizes behind a member, which must be the directory's; a signature may precede them."""
    found = os.pread(descriptor, _LONGEST_DESCRIPTOR, at)
    for sizes in ("<3L", "<L2Q"):
        try:
            truth = struct.pack(sizes, info.CRC, info.compress_size, info.file_size)
        except struct.error:  # too large for the short form
            continue
        for wanted in (_DESCRIPTOR_SIGNATURE + truth, truth):
            if found.startswith(wanted):
                return len(wanted)
    raise _refused(info, "is not followed by its size and checksum, of which its flags tell")


def _refused(info: zipfile.ZipInfo, why: str) -> ArchiveRefusedError:
    return refuse_ambiguous(f"its member {printable(info.orig_filename)!r} {why}")
