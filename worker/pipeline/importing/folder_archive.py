"""A folder, or a single file, read as an archive is."""

import io
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.pipeline.importing.archive import DamagedMemberError, Member, MemberIndex, refuse_link, refuse_special
from worker.pipeline.importing.limits import ImportLimits


class FolderArchive:
    """The files below a folder, or one file alone under a name of ours.

    Args:
        path: the folder, or the file.
        limits: of the import.
        kind: what `kind` says.
        check: called now and then while the folder is walked; it may raise.
        name: of the single file; its own name says nothing.

    Raises:
        ArchiveRefusedError: too many files, a link, a device.
    """

    def __init__(
        self,
        path: Path,
        limits: ImportLimits,
        *,
        kind: str = "folder",
        check: Callable[[], None] = lambda: None,
        name: str | None = None,
    ) -> None:
        self.kind = kind
        self._index = MemberIndex(limits)
        if name is not None:
            self._index.add(name, path.stat().st_size, path)
            return
        for folder, folders, files in os.walk(path, onerror=_raise):
            check()
            folders.sort()
            for entry in (*folders, *sorted(files)):
                self._add(path, Path(folder, entry))

    @property
    def members(self) -> Mapping[str, Member]:
        """Regular files by canonical name."""
        return self._index.members

    def read(self, member: Member, n_bytes: int | None = None) -> bytes:
        """A file's bytes, or the first of them."""
        try:
            with member.place.open("rb") as file:
                data: bytes = file.read() if n_bytes is None else file.read(n_bytes)
        except OSError as error:
            raise DamagedMemberError(f"the file cannot be read: {error.strerror}") from error
        if n_bytes is None and len(data) != member.n_bytes:
            raise DamagedMemberError(f"it has {len(data)} bytes, and had {member.n_bytes} before")
        return data

    def open(self, member: Member) -> io.RawIOBase:
        """A stream over a file."""
        try:
            return io.FileIO(member.place, "rb")
        except OSError as error:
            raise DamagedMemberError(f"the file cannot be read: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing stays open."""

    def _add(self, root: Path, path: Path) -> None:
        name = path.relative_to(root).as_posix()
        self._index.count()
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise refuse_link(name)
        if stat.S_ISDIR(status.st_mode):
            self._index.check_name(name)
        elif stat.S_ISREG(status.st_mode):
            self._index.add(name, status.st_size, path)
        else:
            raise refuse_special(name)


def _raise(error: OSError) -> None:
    raise error
