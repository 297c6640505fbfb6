"""A folder as a tar archive that is never written down: its length is known at once, and it can be read from any byte.

The same files give the same bytes on every machine: sorted names, no times, no owners.
"""

import hashlib
import json
import os
import stat
import tarfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mispair.errors import SourceError

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Member:
    """One file: its name in the archive and what it was when the folder was looked through."""

    name: str
    n_bytes: int
    modified_ns: int


class FolderTar:
    """The archive of a folder's files, as `tarfile` would write it in the pax format.

    Args:
        folder: links to files in it are stored as what they lead to.

    Raises:
        SourceError: it holds no file, or a link to a folder, or something else that is no file.
        OSError: it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._members = sorted(_members(folder), key=lambda member: member.name.encode(errors="surrogateescape"))
        if not self._members:
            raise SourceError(f"{folder} holds no files")
        self._starts: list[int] = []
        end = 0
        for member in self._members:
            self._starts.append(end)
            end += len(_header(member)) + _padded(member.n_bytes)
        self._members_end = end
        self.n_bytes = -(-(end + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE

    def fingerprint(self) -> str:
        """A hash of names, sizes and times."""
        digest = hashlib.sha256()
        for member in self._members:
            digest.update(json.dumps([member.name, member.n_bytes, member.modified_ns]).encode())
        return digest.hexdigest()

    def read(self, offset: int) -> Iterator[bytes]:
        """The bytes from `offset` to the end.

        Raises:
            SourceError: a file is not any more what it was.
            OSError: a file cannot be read.
        """
        first = max(0, bisect_right(self._starts, offset) - 1)
        skipped = offset - self._starts[first]
        for member in self._members[first:] if offset < self._members_end else ():
            yield from self._read_member(member, skipped)
            skipped = 0
        n_left = self.n_bytes - max(offset, self._members_end)
        yield bytes(n_left)

    def _read_member(self, member: _Member, skipped: int) -> Iterator[bytes]:
        header = _header(member)
        if skipped < len(header):
            yield header[skipped:]
        at = max(0, skipped - len(header))
        if at < member.n_bytes:
            yield from self._read_file(member, at)
        padding = _padded(member.n_bytes) - max(at, member.n_bytes)
        if padding > 0:
            yield bytes(padding)

    def _read_file(self, member: _Member, at: int) -> Iterator[bytes]:
        path = self._folder / member.name
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if (found.st_size, found.st_mtime_ns) != (member.n_bytes, member.modified_ns):
                raise SourceError(f"{path} was changed while it was uploaded; start again")
            file.seek(at)
            n_left = member.n_bytes - at
            while n_left:
                chunk = file.read(min(n_left, _CHUNK_BYTES))
                if not chunk:
                    raise SourceError(f"{path} became shorter while it was uploaded; start again")
                n_left -= len(chunk)
                yield chunk


def _members(folder: Path) -> Iterator[_Member]:
    for parent, folders, files in os.walk(folder):
        for name in folders:
            if (Path(parent) / name).is_symlink():
                raise SourceError(f"{Path(parent) / name} is a link to a folder; upload the folder itself")
        for name in files:
            path = Path(parent) / name
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise SourceError(f"{path} is neither a file nor a folder")
            yield _Member(path.relative_to(folder).as_posix(), found.st_size, found.st_mtime_ns)


def _header(member: _Member) -> bytes:
    info = tarfile.TarInfo(member.name)
    info.size = member.n_bytes
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
