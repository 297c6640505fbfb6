"""Shards: tars inside an archive, opened one level deep."""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from worker.pipeline.importing.archive import Archive, DamagedMemberError, Member, MemberIndex
from worker.pipeline.importing.file_part import FilePart
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.source import CorpusSource
from worker.pipeline.importing.tar_archive import index_tar


@dataclass(frozen=True, slots=True)
class _Place:
    descriptor: int
    offset: int


@final
class ShardedArchive:
    """An archive with the members of its shards in place of the shards: `00000.tar/000000001.jpg`.

    The limits of an archive hold for all of it together.

    Args:
        source: the archive; it stays the owner of all files.
        shards: which members are tars.

    Raises:
        ArchiveRefusedError: a shard is damaged, or holds what no archive may hold.
    """

    def __init__(self, source: CorpusSource, shards: Sequence[Member]) -> None:
        self._outer: Archive = source.archive
        self.kind = source.archive.kind
        names = {shard.name for shard in shards}
        index = MemberIndex(source.limits)
        for name, member in source.archive.members.items():
            index.count()
            if name not in names:
                index.members[name] = member
        for shard in shards:
            _add_shard(source, shard, index)
        self.members: Mapping[str, Member] = index.members

    def read(self, member: Member, n_bytes: int | None = None) -> bytes:
        """A member's bytes, or the first of them."""
        if not isinstance(member.place, _Place):
            return self._outer.read(member, n_bytes)
        wanted = member.n_bytes if n_bytes is None else min(n_bytes, member.n_bytes)
        data = os.pread(member.place.descriptor, wanted, member.place.offset)
        if len(data) != wanted:
            raise DamagedMemberError(f"it has {len(data)} bytes in its shard, which declares {member.n_bytes}")
        return data

    def open(self, member: Member) -> io.RawIOBase:
        """A stream over a member."""
        if not isinstance(member.place, _Place):
            return self._outer.open(member)
        return FilePart(member.place.descriptor, member.place.offset, member.n_bytes)


def find_shards(source: CorpusSource) -> list[Member]:
    """Members that are named as tars, by name."""
    return sorted(source.with_suffix(".tar"), key=lambda member: member.name)


def _add_shard(source: CorpusSource, shard: Member, index: MemberIndex) -> None:
    try:
        file = source.seekable(shard)
    except DamagedMemberError as error:
        raise ArchiveRefusedError(
            RefusalCode.UNREADABLE_ARCHIVE, f"shard {printable(shard.name)!r}: {error}"
        ) from error
    part: object = file  # a copy in a file of its own, or a part of the outer tar
    descriptor, start = (part.descriptor, part.start) if isinstance(part, FilePart) else (file.fileno(), 0)
    inside = _InShard(index, shard.name, descriptor, start)
    try:
        index_tar(file, shard.n_bytes, inside, source.check)
    except ArchiveRefusedError as error:
        raise ArchiveRefusedError(
            RefusalCode(error.code), f"shard {printable(shard.name)!r}: {error.detail}"
        ) from error


@final
class _InShard:
    """Adds members to an index under their shard's name."""

    def __init__(self, index: MemberIndex, shard: str, descriptor: int, start: int) -> None:
        self._index = index
        self._shard = shard
        self._descriptor = descriptor
        self._start = start

    def count(self) -> None:
        self._index.count()

    def check_name(self, name: str) -> str:
        return self._index.check_name(name)

    def add(self, name: str, n_bytes: int, place: int) -> None:
        place_in_file = _Place(self._descriptor, self._start + place)
        self._index.add(f"{self._shard}/{self._index.check_name(name)}", n_bytes, place_in_file)
