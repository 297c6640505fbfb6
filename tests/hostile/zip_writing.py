"""Writes zip archives byte by byte, so that each field can lie."""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

STORED, DEFLATED = 0, 8
ENCRYPTED, DESCRIPTOR, UTF8_NAME = 0x1, 0x8, 0x800

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True)
class ZipMember:
    """One member as both its headers tell it; `local_*` where the header in front of the bytes differs.

    Attributes:
        body: the bytes behind the local header: compressed, with whatever else belongs there.
        offset: where its local header is said to lie; None: where it does.
        is_local: whether header and body are written at all; a member without lives in another one's bytes.
    """

    name: bytes
    body: bytes
    crc: int
    n_bytes: int
    n_compressed: int
    method: int = STORED
    flags: int = 0
    extra: bytes = b""
    mode: int = 0
    version: int = 20
    disk: int = 0
    offset: int | None = None
    is_local: bool = True
    local_name: bytes | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_crc: int | None = None
    local_n_bytes: int | None = None
    local_extra: bytes = b""


def member(name: str | bytes, data: bytes, *, method: int = STORED) -> ZipMember:
    """A member that tells the truth."""
    body = data
    if method == DEFLATED:
        squeezer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = squeezer.compress(data) + squeezer.flush()
    raw = name.encode() if isinstance(name, str) else name
    flags = UTF8_NAME if isinstance(name, str) and not name.isascii() else 0
    return ZipMember(raw, body, zlib.crc32(data), len(data), len(body), method=method, flags=flags)


def members(files: Mapping[str, bytes], *, method: int = STORED) -> list[ZipMember]:
    """Members that tell the truth."""
    return [member(name, data, method=method) for name, data in files.items()]


def changed(files: Mapping[str, bytes], name: str, **fields: object) -> list[ZipMember]:
    """`members` of which one has other fields."""
    wanted = name.encode()
    return [
        replace(found, **fields) if found.name == wanted else found  # type: ignore[arg-type]  # by name, in tests
        for found in members(files)
    ]


def zipped(entries: Iterable[ZipMember], **end: object) -> bytes:
    """The archive; `end` as `with_directory` takes it."""
    body = bytearray()
    offsets: list[int] = []
    kept = list(entries)
    for entry in kept:
        offsets.append(len(body) if entry.offset is None else entry.offset)
        if entry.is_local:
            body += local_header(entry) + entry.body
    return bytes(body) + with_directory(kept, offsets, len(body), **end)  # type: ignore[arg-type]  # by name, in tests


def local_header(entry: ZipMember) -> bytes:
    """What stands in front of a member's bytes."""
    name = entry.name if entry.local_name is None else entry.local_name
    n_bytes = entry.n_bytes if entry.local_n_bytes is None else entry.local_n_bytes
    flags = entry.flags if entry.local_flags is None else entry.local_flags
    method = entry.method if entry.local_method is None else entry.local_method
    crc = entry.crc if entry.local_crc is None else entry.local_crc
    numbers = (entry.version, flags, method, 0, 0x21, crc, entry.n_compressed, n_bytes)
    return _LOCAL.pack(b"PK\3\4", *numbers, len(name), len(entry.local_extra)) + name + entry.local_extra


def with_directory(
    entries: Sequence[ZipMember],
    offsets: Sequence[int],
    at: int,
    *,
    n_entries: int | None = None,
    n_bytes: int | None = None,
    offset: int | None = None,
    disk: int = 0,
    comment: bytes = b"",
    comment_bytes: int | None = None,
    before_end: bytes = b"",
) -> bytes:
    """The directory and the end record, which tells what is given here instead of the truth."""
    directory = b"".join(_central(entry, place) for entry, place in zip(entries, offsets, strict=True))
    n = len(entries) if n_entries is None else n_entries
    end = _END.pack(
        b"PK\5\6",
        *(disk, disk, n, n),
        len(directory) if n_bytes is None else n_bytes,
        at if offset is None else offset,
        len(comment) if comment_bytes is None else comment_bytes,
    )
    return directory + before_end + end + comment


def _central(entry: ZipMember, offset: int) -> bytes:
    numbers = (3 << 8 | 20, entry.version, entry.flags, entry.method, 0, 0x21, entry.crc)
    sizes = (entry.n_compressed, entry.n_bytes, len(entry.name), len(entry.extra), 0, entry.disk, 0)
    return _CENTRAL.pack(b"PK\1\2", *numbers, *sizes, entry.mode << 16, offset) + entry.name + entry.extra
