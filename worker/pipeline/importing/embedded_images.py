"""Images that lie in the cells of a table, as members of an archive."""

import io
from collections.abc import Mapping, Sequence
from typing import IO, final

from worker.pipeline.importing.archive import Archive, DamagedMemberError, Member
from worker.pipeline.importing.file_part import FilePart
from worker.pipeline.importing.produced_bytes import ProducedBytes
from worker.pipeline.importing.source import CorpusSource


@final
class _Embedded(int):
    """Where an image begins in the temporary file."""


_NOT_KEPT = _Embedded(-1)


@final
class EmbeddedImages:
    """An archive and the images that were taken out of its tables while these were read.

    They are copied into a temporary file, because a table gives its cells in their order only, and images are asked for
    in another.

    Args:
        source: the archive; it stays the owner of all files.
        tables: the members that images are taken out of; their size says how much these may unpack to.
    """

    def __init__(self, source: CorpusSource, tables: Sequence[Member]) -> None:
        self._outer: Archive = source.archive
        self.kind = source.archive.kind
        self._file: IO[bytes] = source.temporary_file()
        self._n_bytes = 0
        self._max_bytes = source.limits.max_member_bytes
        # A small file may point to one large cell from many rows.
        n_table_bytes = sum(table.n_bytes for table in tables)
        self._produced = ProducedBytes(source.limits.max_unpacked_bytes(n_table_bytes))
        self._members = dict(source.archive.members)

    @property
    def members(self) -> Mapping[str, Member]:
        """Members of the archive, and images added so far."""
        return self._members

    def add(self, name: str, data: bytes) -> None:
        """Keep an image under a name that no member has. One over the limit only keeps its size.

        Raises:
            ArchiveRefusedError: `archive_bomb`.
        """
        self._produced.add(len(data))
        place = _NOT_KEPT
        if len(data) <= self._max_bytes:
            place = _Embedded(self._n_bytes)
            self._n_bytes += self._file.write(data)
        self._members[name] = Member(name, len(data), place)

    def read(self, member: Member, n_bytes: int | None = None) -> bytes:
        """A member's bytes, or the first of them."""
        if not isinstance(member.place, _Embedded):
            return self._outer.read(member, n_bytes)
        wanted = member.n_bytes if n_bytes is None else min(n_bytes, member.n_bytes)
        return self._part(member).read(wanted)

    def open(self, member: Member) -> io.RawIOBase:
        """A stream over a member."""
        return self._part(member) if isinstance(member.place, _Embedded) else self._outer.open(member)

    def _part(self, member: Member) -> FilePart:
        if member.place < 0:
            raise DamagedMemberError(f"it has {member.n_bytes} bytes, at most {self._max_bytes} are kept")
        self._file.flush()
        return FilePart(self._file.fileno(), int(member.place), member.n_bytes)
