"""Hostile tar archives, plain and compressed."""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tests.hostile.items import MARKER, HostileArchive, picture, sound_files

_MIB = 2**20
_CUTS = 12
_EXTENDED = tarfile.XHDTYPE


def hostile_tars() -> Iterator[HostileArchive]:
    """Each with what must become of it."""
    for made in (_names, _kinds, _extended, _sizes, _compressed, _ends, _truncated):
        for item in made():
            yield replace(item, name=f"tar: {item.name}")


def header(name: str, *, kind: bytes = tarfile.REGTYPE, target: str = "", n_bytes: int = 0) -> tarfile.TarInfo:
    """One header."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, n_bytes
    return info


def tarred(files: Mapping[str, bytes] | None = None, *others: tarfile.TarInfo, raw: bytes = b"") -> bytes:
    """A tar of files, then of headers without bytes, then of `raw` blocks, and its end."""
    body = bytearray()
    for name, data in (sound_files() if files is None else files).items():
        body += header(name, n_bytes=len(data)).tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)
    for info in others:
        body += info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return bytes(body) + raw + bytes(1024)


def _refused(name: str, data: bytes, code: str) -> HostileArchive:
    return HostileArchive(name, data, refusal=code)


def _names() -> Iterator[HostileArchive]:
    for what, name in {
        "a name that climbs": f"../../{MARKER}",
        "a name that climbs inside": f"a/b/../../../{MARKER}",
        "an absolute name": f"/tmp/{MARKER}",
        "a drive letter": f"C:/{MARKER}",
        "backslashes that climb": f"..\\{MARKER}",
        "an empty name": "",
        "a dot as name": ".",
        "40 folders deep": "d/" * 40 + "a.txt",
        "a name of 1,100 bytes": "n" * 1_100,
        "a name of 100,000 bytes": "n" * 100_000,
    }.items():
        yield _refused(what, tarred(None, header(name)), "unsafe_path")
    folder = header(f"../{MARKER}", kind=tarfile.DIRTYPE)
    yield _refused("a folder that climbs", tarred(None, folder), "unsafe_path")
    yield _refused("a name twice", tarred(None, header("a.png")), "duplicate_member")
    yield _refused("a name twice, by a dot", tarred(None, header("./a.png")), "duplicate_member")
    composed = (header("caf\u00e9.png"), header("cafe\u0301.png"))
    yield _refused("a name in two forms of Unicode", tarred(None, *composed), "duplicate_member")
    cased = sound_files() | {"A.png": picture()}
    yield HostileArchive("names that differ in case", tarred(cased), None, 2, {"no_caption_for_image": 1})
    latin = header("caf\udce9.png")
    yield HostileArchive("a name in Latin-1", tarred(None, latin), None, 2, {"no_caption_for_image": 1})


def _kinds() -> Iterator[HostileArchive]:
    for kind, what in ((tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "hard link")):
        yield _refused(f"a {what} to a file", tarred(None, header("l", kind=kind, target="/etc/passwd")), "link_member")
        inside = header("l", kind=kind, target="a.png")
        yield _refused(f"a {what} inside", tarred(None, inside), "link_member")
        chain = [header(f"l{n}", kind=kind, target=f"l{n + 1}") for n in range(200)]
        yield _refused(f"a chain of 200 {what}s", tarred(None, *chain), "link_member")
    loop = header("l", kind=tarfile.SYMTYPE, target="l")
    yield _refused("a link to itself", tarred(None, loop), "link_member")
    deep = [header("d/" * n + "d", kind=tarfile.SYMTYPE, target="d" * 247) for n in range(1, 16)]
    yield _refused("links as long as a path may be", tarred(None, *deep), "link_member")
    for kind, what in (
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.CHRTYPE, "a character device"),
        (tarfile.BLKTYPE, "a block device"),
    ):
        yield _refused(what, tarred(None, header("special", kind=kind)), "special_member")
    yield HostileArchive("a contiguous file", tarred(None, header("x.txt", kind=tarfile.CONTTYPE)), None, 2)
    yield _refused("a kind that nobody knows", tarred(None, header("x.txt", kind=b"Z")), "special_member")
    yield _refused("only folders", tarred({}, header("a", kind=tarfile.DIRTYPE)), "no_manifest")
    yield _refused("a sparse file of 8 EiB", tarred(None, raw=_sparse(2**63 - 1)), "special_member")


def _sparse(n_bytes: int) -> bytes:
    records = {"GNU.sparse.size": str(n_bytes), "GNU.sparse.map": f"0,0,{n_bytes},0", "GNU.sparse.name": "s"}
    return _pax(records) + header("s").tobuf()


def _pax(records: Mapping[str, str], *, kind: bytes = _EXTENDED) -> bytes:
    return _pax_raw(b"".join(_record(key, value) for key, value in records.items()), kind=kind)


def _record(key: str, value: str) -> bytes:
    line = f" {key}={value}\n".encode("utf-8", "surrogateescape")
    length = len(line)
    while len(str(length)) + len(line) != length:
        length = len(str(length)) + len(line)
    return str(length).encode() + line


def _pax_raw(payload: bytes, *, kind: bytes = _EXTENDED, n_bytes: int | None = None) -> bytes:
    info = header("./PaxHeaders/x", kind=kind, n_bytes=len(payload) if n_bytes is None else n_bytes)
    return info.tobuf() + payload + bytes(-len(payload) % 512)


def _extended() -> Iterator[HostileArchive]:
    climbing = _pax({"path": f"../../{MARKER}"}) + header("x").tobuf()
    yield _refused("an extended header with a path that climbs", tarred(None, raw=climbing), "unsafe_path")
    nul = _pax({"path": "a\0b"}) + header("x").tobuf()
    yield _refused("an extended header with a NUL in the path", tarred(None, raw=nul), "unsafe_path")
    linking = _pax({"linkpath": "/etc/passwd"}) + header("x", kind=tarfile.SYMTYPE).tobuf()
    yield _refused("an extended header with a link", tarred(None, raw=linking), "link_member")
    beyond = _pax({"size": str(2**62)}) + header("x").tobuf()
    yield _refused("an extended header with a size of 2^62", tarred(None, raw=beyond), "truncated_archive")
    back = _pax({"size": "-1024"}) + header("x").tobuf()
    yield _refused("an extended header with a size below 0", tarred(None, raw=back), "unreadable_archive")
    wordy = _pax({"size": "many"}) + header("x.txt").tobuf()
    yield HostileArchive("an extended header with a size in words", tarred(None, raw=wordy), None, 2)
    digits = _pax_raw(b"1" * 900_000) + header("x").tobuf()
    yield _refused("an extended header of 900,000 digits", tarred(None, raw=digits), "unreadable_archive")
    zero = _pax_raw(b"0 path=x\n") + header("x").tobuf()
    yield _refused("an extended header with a record of no length", tarred(None, raw=zero), "unreadable_archive")
    chain = b"".join(_pax({"comment": "x"}) for _ in range(5_000)) + header("x").tobuf()
    yield _refused("5,000 extended headers for one file", tarred(None, raw=chain), "unreadable_archive")
    huge = _pax_raw(b"", n_bytes=8 * 2**30)
    yield _refused("an extended header of 8 GiB", tarred(None, raw=huge), "unreadable_archive")
    everywhere = _pax({"path": "everywhere.txt"}, kind=tarfile.XGLTYPE) + header("x").tobuf() + header("y").tobuf()
    yield _refused("one path for all files", tarred(None, raw=everywhere), "duplicate_member")


def _sizes() -> Iterator[HostileArchive]:
    for what, n_bytes, code in (
        ("of 8 EiB", 2**63 - 1, "truncated_archive"),
        ("below 0", -512, "unreadable_archive"),
    ):
        info = header("x.png", n_bytes=n_bytes)
        yield _refused(f"a file {what}", tarred(None, info), code)
    flipped = bytearray(tarred())
    flipped[1024 + 150] ^= 0xFF
    yield _refused("a header with a wrong checksum", bytes(flipped), "unreadable_archive")
    name = header("././@LongLink", kind=tarfile.GNUTYPE_LONGNAME, n_bytes=8 * 2**30)
    yield _refused("a name of 8 GiB", tarred(None, raw=name.tobuf()), "unreadable_archive")


def _compressed() -> Iterator[HostileArchive]:
    bomb = b"\0" * (70 * _MIB)
    big = header("zeros.png", n_bytes=len(bomb)).tobuf() + bomb
    yield _refused("gzip bomb", gzip.compress(tarred(None, raw=big)), "archive_bomb")
    whole = gzip.compress(tarred())
    yield HostileArchive("gzip in two members", gzip.compress(tarred()[:700]) + gzip.compress(tarred()[700:]), None, 2)
    yield _refused("gzip with bytes behind it", whole + b"junk" * 20, "unreadable_archive")
    yield _refused("gzip with a wrong checksum", whole[:-8] + bytes(8), "unreadable_archive")
    for n in range(1, 8):
        yield _refused(f"gzip cut off at {n}/8", whole[: len(whole) * n // 8], "truncated_archive")
    # An upload of these is refused by its first bytes; behind that they pass for a tar of old, which has no magic.
    twice = gzip.compress(gzip.compress(tarred()))
    yield _refused("gzip in gzip", twice, "truncated_archive")
    yield _refused("bzip2", bz2.compress(tarred()), "truncated_archive")
    yield _refused("xz", lzma.compress(tarred()), "truncated_archive")
    yield _refused("Zstandard", b"\x28\xb5\x2f\xfd" + tarred(), "unreadable_archive")


def _ends() -> Iterator[HostileArchive]:
    whole = tarred()
    yield HostileArchive("padding behind its end", whole + bytes(20_480), None, 2)
    yield _refused("a tar behind a tar", whole + whole, "ambiguous_archive")
    yield _refused("bytes behind its end", whole + b"junk" * 200, "ambiguous_archive")
    yield _refused("nothing but its end", tarred({}), "no_manifest")


def _truncated() -> Iterator[HostileArchive]:
    whole = tarred()[:-1024]
    for n in range(2, _CUTS + 1):
        cut = whole[: len(whole) * n // _CUTS]
        yield _refused(f"cut off at {n}/{_CUTS}", cut, "truncated_archive")
