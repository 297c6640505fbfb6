"""Hostile zip archives."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

from tests.hostile.items import MARKER, HostileArchive, picture, sound_files
from tests.hostile.zip_writing import (
    DEFLATED,
    DESCRIPTOR,
    ENCRYPTED,
    ZipMember,
    changed,
    local_header,
    member,
    members,
    zipped,
)

_MIB = 2**20
_SYMLINK, _FIFO, _BLOCK_DEVICE, _SOCKET = 0o120777, 0o010644, 0o060644, 0o140755
_CUTS = 14


def hostile_zips() -> Iterator[HostileArchive]:
    """Each with what must become of it."""
    for made in (_names, _methods, _bombs, _end_records, _zip64, _headers, _layout, _kinds, _contents, _truncated):
        for item in made():
            yield replace(item, name=f"zip: {item.name}")


def _refused(name: str, data: bytes, code: str) -> HostileArchive:
    return HostileArchive(name, data, refusal=code)


def _ambiguous(name: str, data: bytes) -> HostileArchive:
    return HostileArchive(name, data, refusal="ambiguous_archive")


def _names() -> Iterator[HostileArchive]:
    unsafe: dict[str, str | bytes] = {
        "a name that climbs": f"../../{MARKER}",
        "a name that climbs inside": f"images/../../{MARKER}",
        "an absolute name": f"/tmp/{MARKER}",
        "a name of many slashes": f"//tmp//{MARKER}",
        "a drive letter": f"C:\\{MARKER}",
        "a drive letter without a folder": f"c:{MARKER}",
        "backslashes that climb": f"..\\..\\{MARKER}",
        "a network share": f"\\\\host\\share\\{MARKER}",
        "a NUL in the name": b"a.png\0.txt",
        "an empty name": "",
        "a dot as name": ".",
        "40 folders deep": "d/" * 40 + "a.txt",
        "a name of 1,100 bytes": "n" * 1_100,
        "a name of 65,535 bytes": "n" * 65_535,
    }
    for what, name in unsafe.items():
        yield _refused(what, zipped([*members(sound_files()), member(name, b"x")]), "unsafe_path")
    pictures = sound_files()
    twice = [*members(pictures), member("a.png", picture(side_px=3))]
    yield _refused("a name twice", zipped(twice), "duplicate_member")
    for what, other in {"by a dot": "./a.png", "by a backslash": "images\\c.png"}.items():
        plain = member(other.replace("\\", "/").removeprefix("./"), picture())
        entries = [*(found for found in members(pictures) if found.name != plain.name), plain, member(other, b"x")]
        yield _refused(f"a name twice, {what}", zipped(entries), "duplicate_member")
    composed = [*members(pictures), member("caf\u00e9.png", b"1"), member("cafe\u0301.png", b"2")]
    yield _refused("a name in two forms of Unicode", zipped(composed), "duplicate_member")
    cased = pictures | {"A.png": picture(side_px=3), "captions.csv": b"image,caption\na.png,one\nA.png,two\nb.png,3\n"}
    yield HostileArchive("names that differ in case", zipped(members(cased)), n_accepted=3)
    rows = "image,caption\ncaf\u00e9.png,one\n".encode()
    old = [member("captions.csv", rows), member("caf\u00e9".encode("cp437") + b".png", picture())]
    yield HostileArchive("a name in code page 437", zipped(old), n_accepted=1)
    rows = "image,caption\n\u30c6.png,one\n".encode()
    shift = [member("captions.csv", rows), member("\u30c6.png".encode("shift-jis"), picture())]
    lost = {"missing_image": 1, "no_caption_for_image": 1}
    yield HostileArchive("a name in Shift-JIS", zipped(shift), rejected=lost)
    invalid = [*members(pictures), replace(member("x", b"x"), name=b"\xff\xfe", flags=0x800)]
    yield _refused("a name that says UTF-8 and is none", zipped(invalid), "unreadable_archive")


def _methods() -> Iterator[HostileArchive]:
    known = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 98: "PPMd", 99: "AES", 77: "no known method"}
    for method, what in known.items():
        yield _refused(what, zipped(changed(sound_files(), "a.png", method=method)), "unreadable_archive")
    for flag, what in ((ENCRYPTED, "encrypted"), (ENCRYPTED | 0x40, "strongly encrypted")):
        yield _refused(what, zipped(changed(sound_files(), "a.png", flags=flag)), "encrypted_member")
    yield _refused("made by version 25.5", zipped(changed(sound_files(), "a.png", version=255)), "unreadable_archive")


def _bombs() -> Iterator[HostileArchive]:
    zeros = b"\0" * (10 * _MIB)
    flat = [*members(sound_files()), *(member(f"{n}.png", zeros, method=DEFLATED) for n in range(10))]
    yield _refused("bomb", zipped(flat), "archive_bomb")
    rows = b"image,caption\na.png,one\nb.png,two\n"
    huge = member("b.png", b"\0" * (80 * _MIB), method=DEFLATED)
    liar = replace(huge, n_bytes=100)
    entries = [member("captions.csv", rows), member("a.png", picture()), liar]
    yield HostileArchive("bomb that declares 100 bytes", zipped(entries), n_accepted=1, rejected={"damaged_member": 1})
    table = replace(member("captions.csv", rows + b"\n" * (80 * _MIB), method=DEFLATED), n_bytes=len(rows))
    yield _refused(
        "bomb as a table that declares little", zipped([table, member("a.png", picture())]), "unreadable_archive"
    )
    yield _refused(
        "bomb whose member declares 2^32 - 2 bytes",
        zipped(changed(sound_files(), "a.png", n_bytes=0xFFFFFFFE)),
        "archive_bomb",
    )
    yield _ambiguous("bomb of members in one place", zipped(_in_one_place(300)))
    yield _ambiguous("bomb of members that quote each other", zipped(_quoting(200)))


def _in_one_place(n: int) -> list[ZipMember]:
    first = member("0.png", b"\0" * _MIB, method=DEFLATED)
    others = [replace(first, name=f"{k}.png".encode(), offset=0, is_local=False) for k in range(1, n)]
    return [first, *others]


def _quoting(n: int) -> list[ZipMember]:
    """Each member's bytes start with a stored block that holds the next one's header, and then are the next one's."""
    kernel = member("kernel", b"\0" * _MIB, method=DEFLATED)
    found: list[tuple[ZipMember, bytes]] = []
    body, plain = kernel.body, b"\0" * _MIB
    for k in reversed(range(n)):
        crc = zlib.crc32(plain)
        entry = ZipMember(f"{k}.png".encode(), b"", crc, len(plain), len(body), method=DEFLATED, is_local=False)
        header = local_header(entry)
        found.append((entry, header))
        body = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + header + body
        plain = header + plain if len(plain) < 2 * _MIB else plain
    found.reverse()
    # All of it is written as the bytes of the first; the others only have a place in there.
    entries, at = [], 0
    for k, (entry, header) in enumerate(found):
        entries.append(replace(entry, offset=at, is_local=k == 0, body=body[5 + len(header) :] if k == 0 else b""))
        at += len(header) + 5
    return entries


def _end_records() -> Iterator[HostileArchive]:
    sound = members(sound_files())
    whole = zipped(sound)
    yield _refused("empty", zipped([]), "no_manifest")
    yield _refused("part of a split archive", zipped(sound, disk=3), "unreadable_archive")
    yield _refused("a member on another disk", zipped(changed(sound_files(), "a.png", disk=2)), "unreadable_archive")
    yield _ambiguous("zip behind a zip", zipped([member("other.txt", b"x")]) + whole)
    yield _ambiguous("zip behind half a zip", whole[:60] + whole)
    yield _ambiguous("zip in front of a zip's directory", whole[: whole.index(b"PK\1\2")] + whole)
    yield _refused("a program in front", b"MZ" + bytes(510) + whole, "unreadable_archive")
    yield _ambiguous("bytes behind its end", whole + b"junk" * 20)
    yield _ambiguous("a zip as its comment", zipped(sound, comment=zipped([member("other.txt", b"x")])))
    yield _ambiguous("bytes before its end record", zipped(sound, before_end=b"junk" * 5))
    yield HostileArchive("an honest comment", zipped(sound, comment=b"made by hand"), n_accepted=2)
    yield _refused("a comment that is cut off", zipped(sound, comment_bytes=30), "truncated_archive")
    yield _ambiguous("fewer members than its directory", zipped(sound, n_entries=2))
    yield _ambiguous("more members than its directory", zipped(sound, n_entries=9))
    yield _ambiguous("a directory that is larger", zipped(sound, n_bytes=46))
    yield _ambiguous("a directory somewhere else", zipped(sound, offset=0))
    yield _refused("a directory of 4 GiB", zipped(sound, n_bytes=0xFFFFFFF0), "too_many_members")


def _zip64(sound: list[ZipMember] | None = None) -> Iterator[HostileArchive]:
    sound = sound or members(sound_files())
    body = b"".join(local_header(entry) + entry.body for entry in sound)
    directory = zipped(sound)[len(body) : -22]
    full = {"n_entries": 0xFFFF, "n_bytes": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
    truth = (len(sound), len(directory), len(body))

    def with_zip64(n: int, size: int, at: int, *, locator: int | None = None, **end: object) -> bytes:
        place = len(body) + len(directory)
        record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, n, n, size, at)
        found = struct.pack("<4sLQL", b"PK\6\7", 0, place if locator is None else locator, 1)
        return zipped(sound, before_end=record + found, **(full | end))

    yield HostileArchive("zip64 that is honest", with_zip64(*truth), n_accepted=2)
    yield _ambiguous("zip64 that says another number", with_zip64(*truth, n_entries=2))
    yield _ambiguous("zip64 that says another place", with_zip64(*truth, offset=7))
    yield _ambiguous("zip64 with more members", with_zip64(9, *truth[1:]))
    yield _refused("zip64 with 2^63 members", with_zip64(2**63, *truth[1:]), "too_many_members")
    yield _refused("zip64 with 2^63 bytes of directory", with_zip64(truth[0], 2**63, truth[2]), "too_many_members")
    yield _ambiguous("zip64 with a place of 2^64 - 1", with_zip64(*truth[:2], 2**64 - 1))
    yield _ambiguous("zip64 whose record is elsewhere", with_zip64(*truth, locator=0))
    yield _refused("zip64 whose record is beyond the end", with_zip64(*truth, locator=2**40), "truncated_archive")
    yield _refused("zip64 without a record", zipped(sound, **full), "truncated_archive")
    huge = struct.pack("<HHQ", 1, 8, 2**63 - 1)
    lying = changed(sound_files(), "a.png", n_bytes=0xFFFFFFFF, extra=huge, local_extra=huge)
    yield _refused("zip64 member of 2^63 bytes", zipped(lying), "archive_bomb")
    short = struct.pack("<HHL", 1, 4, 7)
    lying = changed(sound_files(), "a.png", n_bytes=0xFFFFFFFF, extra=short)
    yield _refused("zip64 member whose extra field is short", zipped(lying), "unreadable_archive")


def _headers() -> Iterator[HostileArchive]:
    differing: dict[str, dict[str, object]] = {
        "another name": {"local_name": b"z.png"},
        "a longer name": {"local_name": b"a.png.exe"},
        "another size": {"local_n_bytes": 3},
        "another checksum": {"local_crc": 3},
        "another method": {"local_method": DEFLATED},
        "an encryption that the directory has not": {"local_flags": ENCRYPTED},
        "a descriptor that the directory has not": {"local_flags": DESCRIPTOR},
    }
    for what, fields in differing.items():
        yield _ambiguous(f"header with {what}", zipped(changed(sound_files(), "a.png", **fields)))
    data = picture()
    crc = zlib.crc32(data)
    for what, tail, code in (
        ("honest", struct.pack("<4s3L", b"PK\7\x08", crc, len(data), len(data)), None),
        ("honest, without a signature", struct.pack("<3L", crc, len(data), len(data)), None),
        ("lying", struct.pack("<4s3L", b"PK\7\x08", crc, len(data), 9), "ambiguous_archive"),
        ("missing", b"", "ambiguous_archive"),
    ):
        fields = {"flags": DESCRIPTOR, "local_crc": 0, "local_n_bytes": 0, "body": data + tail}
        archive = zipped(changed(sound_files(), "a.png", **fields))
        yield HostileArchive(f"descriptor that is {what}", archive, code, 0 if code else 2)


def _layout() -> Iterator[HostileArchive]:
    yield _ambiguous("bytes between members", zipped(changed(sound_files(), "a.png", body=picture() + b"junk" * 9)))
    hidden = member("hidden.exe", b"MZ")
    with_hidden = picture() + local_header(hidden) + hidden.body
    yield _ambiguous("a member that the directory hides", zipped(changed(sound_files(), "a.png", body=with_hidden)))
    yield _ambiguous("a header beyond the end", zipped(changed(sound_files(), "a.png", offset=0x7FFFFFFF)))
    yield _ambiguous("a header inside a member", zipped(changed(sound_files(), "b.png", offset=40)))
    yield _ambiguous("more bytes than there are", zipped(changed(sound_files(), "a.png", n_compressed=10**8)))


def _kinds() -> Iterator[HostileArchive]:
    yield _refused("a link", zipped(changed(sound_files(), "a.png", mode=_SYMLINK)), "link_member")
    for mode, what in ((_FIFO, "a pipe"), (_BLOCK_DEVICE, "a device"), (_SOCKET, "a socket")):
        yield _refused(what, zipped(changed(sound_files(), "a.png", mode=mode)), "special_member")
    folders = [member(f"{n}/", b"") for n in range(20)]
    yield _refused("only folders", zipped(folders), "no_manifest")
    yield _ambiguous("a folder that holds bytes", zipped([*members(sound_files()), member("folder/", b"x" * 50)]))


def _contents() -> Iterator[HostileArchive]:
    rows = b"image,caption\na.png,one\nb.png,two\n"
    bad = zipped(changed(sound_files(), "a.png", crc=1))
    yield HostileArchive("a checksum that is wrong", bad, None, 1, {"damaged_member": 1})
    garbage = replace(member("a.png", picture()), method=DEFLATED)
    entries = [member("captions.csv", rows), garbage, member("b.png", picture())]
    yield HostileArchive("bytes that do not inflate", zipped(entries), None, 1, {"damaged_member": 1})
    short = replace(member("a.png", picture() * 3, method=DEFLATED), n_bytes=len(picture()) * 9)
    entries = [member("captions.csv", rows), short, member("b.png", picture(side_px=9))]
    yield HostileArchive("fewer bytes than declared", zipped(entries), None, 1, {"damaged_member": 1})
    nested = sound_files() | {"captions.csv": rows + b"inner.zip,three\n", "inner.zip": zipped(members(sound_files()))}
    yield HostileArchive("an archive inside", zipped(members(nested)), None, 2, {"not_an_image": 1})
    yield _refused(
        "a table whose checksum is wrong", zipped(changed(sound_files(), "captions.csv", crc=1)), "unreadable_archive"
    )
    yield _refused(
        "a table twice", zipped([*members(sound_files()), member("captions.tsv", b"")]), "ambiguous_manifest"
    )


def _truncated() -> Iterator[HostileArchive]:
    whole = zipped(members(sound_files() | {f"{n}.txt": b"text" * 40 for n in range(9)}))
    for n in range(1, _CUTS):
        cut = whole[: len(whole) * n // _CUTS]
        yield _refused(f"cut off at {n}/{_CUTS}", cut, "truncated_archive")
    yield _refused("cut off by one byte", whole[:-1], "truncated_archive")
