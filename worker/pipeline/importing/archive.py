"""What the import needs of an archive, whatever its format."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.member_names import canonical_name
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file inside an archive.

    Attributes:
        name: canonical name, see `canonical_name`.
        n_bytes: its size as the archive declares it.
        place: where the archive finds its bytes; its own business.
    """

    name: str
    n_bytes: int
    place: Any  # Any: a ZipInfo or an offset


class DamagedMemberError(Exception):
    """The bytes of one member cannot be read, although the archive as a whole could be."""


class Archive(Protocol):
    """A readable archive whose member list has been checked."""

    @property
    def kind(self) -> str:
        """`zip`, `tar`, `folder` or `parquet`."""

    @property
    def members(self) -> Mapping[str, Member]:
        """Regular files by canonical name, in the archive's order."""

    def read(self, member: Member, n_bytes: int | None = None) -> bytes:
        """A member's bytes, the first `n_bytes` when given. Safe to call from several threads.

        Raises:
            DamagedMemberError: its bytes are missing or fail their check.
            ArchiveRefusedError: the archive turned out to be a bomb.
        """

    def open(self, member: Member) -> io.RawIOBase:
        """A stream over a member's bytes, for one that is too large to hold."""


class MemberIndex:
    """Collects the members of an archive while it is walked, and refuses what no archive may hold."""

    def __init__(self, limits: ImportLimits) -> None:
        self._limits = limits
        self._n_entries = 0
        self.members: dict[str, Member] = {}

    def count(self) -> None:
        """Count one entry, also a folder.

        Raises:
            ArchiveRefusedError: `too_many_members`.
        """
        self._n_entries += 1
        if self._n_entries > self._limits.max_archive_members:
            raise ArchiveRefusedError(
                RefusalCode.TOO_MANY_MEMBERS,
                f"the archive has more than {self._limits.max_archive_members} members, which is the most allowed",
            )

    def add(self, name: str, n_bytes: int, place: Any) -> None:  # Any: see Member.place
        """Add a regular file.

        Raises:
            ArchiveRefusedError: `unsafe_path` or `duplicate_member`.
        """
        canonical = self.check_name(name)
        if not canonical:
            raise ArchiveRefusedError(RefusalCode.UNSAFE_PATH, f"archive member {printable(name)!r}: its name is empty")
        if canonical in self.members:
            raise ArchiveRefusedError(
                RefusalCode.DUPLICATE_MEMBER,
                f"the archive holds {printable(canonical)!r} twice; which one is meant cannot be known",
            )
        self.members[canonical] = Member(canonical, n_bytes, place)

    def check_name(self, name: str) -> str:
        """The canonical name; a folder is not kept, but its name is checked as well.

        Raises:
            ArchiveRefusedError: `unsafe_path`.
        """
        return canonical_name(name)

    def total_bytes(self) -> Iterator[int]:
        """The declared size of each member."""
        return (member.n_bytes for member in self.members.values())


def refuse_link(name: str) -> ArchiveRefusedError:
    """A symbolic or hard link: it could point anywhere."""
    return ArchiveRefusedError(
        RefusalCode.LINK_MEMBER, f"archive member {printable(name)!r} is a link, expected files and folders only"
    )


def refuse_special(name: str) -> ArchiveRefusedError:
    """A device, a pipe or a sparse file."""
    return ArchiveRefusedError(
        RefusalCode.SPECIAL_MEMBER,
        f"archive member {printable(name)!r} is a device, pipe or sparse file, expected files and folders only",
    )
