"""An archive as formats look at it: members without junk, the beginnings of files, files opened for any order."""

import io
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self, cast, final

from worker.pipeline.importing.archive import Archive, DamagedMemberError, Member
from worker.pipeline.importing.image_names import is_image_name
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.member_names import is_junk
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

_HEAD_BYTES = 64 * 1024
_CHUNK = 1024 * 1024


@final
class CorpusSource:
    """Use as a context manager: temporary files that were needed are gone afterwards.

    Attributes:
        archive: the opened archive.
        limits: of the import.
        scratch: folder for temporary files.
        check: to be called now and then; it may raise to stop the import.
    """

    def __init__(self, archive: Archive, limits: ImportLimits, scratch: Path, check: Callable[[], None]) -> None:
        self.archive = archive
        self.limits = limits
        self.scratch = scratch
        self.check = check
        self.resources = ExitStack()
        self._heads: dict[str, bytes] = {}
        self._seekable: dict[str, IO[bytes]] = {}

    @cached_property
    def members(self) -> Mapping[str, Member]:
        """Regular files, without what operating systems leave behind."""
        return {name: member for name, member in self.archive.members.items() if not is_junk(name)}

    @cached_property
    def images(self) -> list[str]:
        """Names that end as those of images do."""
        return [name for name in self.members if is_image_name(name)]

    def with_suffix(self, *suffixes: str) -> list[Member]:
        """Members whose name ends so, in any case; the shallowest first, then by name."""
        found = [member for suffix in suffixes for member in self._by_suffix.get(suffix, [])]
        return sorted(found, key=lambda member: (member.name.count("/"), member.name))

    def head(self, member: Member) -> bytes:
        """The first 64 KiB; nothing where they are damaged."""
        if member.name not in self._heads:
            try:
                self._heads[member.name] = self.archive.read(member, min(_HEAD_BYTES, member.n_bytes))
            except DamagedMemberError:
                self._heads[member.name] = b""
        return self._heads[member.name]

    def read_whole(self, member: Member, what: str) -> bytes:
        """All bytes of a file that cannot be read in pieces.

        Raises:
            ArchiveRefusedError: `manifest_too_large`, or `unreadable_archive` where it is damaged.
        """
        self.check_size(member, self.limits.max_json_bytes, what)
        try:
            return self.archive.read(member)
        except DamagedMemberError as error:
            raise ArchiveRefusedError(
                RefusalCode.UNREADABLE_ARCHIVE, f"{printable(member.name)} cannot be read from the archive: {error}"
            ) from error

    def check_size(self, member: Member, max_bytes: int, what: str = "a table") -> None:
        """Refuse a table that is larger than allowed.

        Raises:
            ArchiveRefusedError: `manifest_too_large`.
        """
        if member.n_bytes > max_bytes:
            raise ArchiveRefusedError(
                RefusalCode.MANIFEST_TOO_LARGE,
                f"{printable(member.name)} has {member.n_bytes} bytes, at most {max_bytes} are allowed for {what}",
            )

    def seekable(self, member: Member) -> IO[bytes]:
        """The member as a file that is read in any order; closed with this source. Copied where that is needed.

        Raises:
            DamagedMemberError: its bytes cannot be read.
        """
        if member.name not in self._seekable:
            stream = self.archive.open(member)
            file = cast("IO[bytes]", stream) if stream.seekable() else self._copied(stream)
            self._seekable[member.name] = self.resources.enter_context(file)
        self._seekable[member.name].seek(0)
        return self._seekable[member.name]

    def temporary_file(self) -> IO[bytes]:
        """An unnamed file that ends with this source."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        return self.resources.enter_context(tempfile.TemporaryFile(dir=self.scratch))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.resources.close()

    @cached_property
    def _by_suffix(self) -> dict[str, list[Member]]:
        found: dict[str, list[Member]] = {}
        for member in self.members.values():
            found.setdefault(PurePosixPath(member.name).suffix.lower(), []).append(member)
        return found

    def _copied(self, stream: io.RawIOBase) -> IO[bytes]:
        copy = self.temporary_file()
        try:
            with stream:
                while chunk := stream.read(_CHUNK):
                    self.check()
                    copy.write(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:  # what a zip's stream raises at its end
            raise DamagedMemberError(str(error)) from error
        copy.flush()
        return copy
