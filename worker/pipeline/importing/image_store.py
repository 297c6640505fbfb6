"""Checks the images that rows name, and keeps each distinct content once."""

import hashlib
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from app.core.models import RejectionCode, new_id
from app.core.repositories.importing import ImageRecord
from worker.pipeline.importing.archive import Archive, DamagedMemberError, Member
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import RowFault
from worker.pipeline.importing.shards import ShardWriter
from worker.sandbox.normalising import ImageRefusedError, NormalisedImage

Normalise = Callable[[bytes], NormalisedImage]

_AHEAD_A_THREAD = 2


@dataclass(frozen=True)
class StoredImages:
    """What became of the members.

    Attributes:
        images: distinct contents, by ordinal.
        ordinals: member name = ordinal of its content.
        faults: member name = why it cannot be used.
    """

    images: list[ImageRecord]
    ordinals: dict[str, int]
    faults: dict[str, RowFault]


def store_images(
    archive: Archive,
    members: Iterable[Member],
    shards: ShardWriter,
    limits: ImportLimits,
    normalise: Normalise,
    *,
    threads: int,
    on_image: Callable[[int], None],
    known: Mapping[bytes, ImageRecord],
) -> StoredImages:
    """Read, check and store images, in the order given, which also numbers them.

    Args:
        archive: where they lie.
        members: each once.
        shards: where their bytes go.
        limits: of the import.
        normalise: decodes an image, or raises `ImageRefusedError`; called from several threads.
        threads: how many read and decode at once. A few images more than that are held in memory.
        known: images that are stored already, by SHA-256; they are named anew, neither decoded nor stored again.
        on_image: called with the number of members done, after each; it may raise to stop the import.
    """
    stored = StoredImages([], {}, {})
    read = partial(_read, limits=limits, normalise=normalise, known=known)
    ordinal_of: dict[bytes, int] = {}
    for n_done, (member, outcome) in enumerate(_outcomes(archive, members, read, threads), start=1):
        if isinstance(outcome, RowFault):
            stored.faults[member.name] = outcome
        else:
            ordinal = ordinal_of.get(outcome.sha256)
            if ordinal is None:
                ordinal = ordinal_of[outcome.sha256] = len(stored.images)
                stored.images.append(_record(member, outcome, shards, known.get(outcome.sha256)))
            stored.ordinals[member.name] = ordinal
        on_image(n_done)
    return stored


@dataclass(frozen=True, slots=True)
class _ReadImage:
    data: bytes
    sha256: bytes
    normalised: NormalisedImage | None  # None: it is stored already, and was decoded then


def _outcomes(
    archive: Archive, members: Iterable[Member], read: Callable[[Archive, Member], _ReadImage | RowFault], threads: int
) -> Iterator[tuple[Member, _ReadImage | RowFault]]:
    """Each member with what reading it gave, in order, while later ones are read ahead."""
    pending: deque[tuple[Member, Future[_ReadImage | RowFault]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="image") as pool:
        try:
            for member in members:
                pending.append((member, pool.submit(read, archive, member)))
                if len(pending) > threads * _AHEAD_A_THREAD:
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            for _, future in pending:
                future.cancel()


def _read(
    archive: Archive, member: Member, limits: ImportLimits, normalise: Normalise, known: Container[bytes]
) -> _ReadImage | RowFault:
    if member.n_bytes > limits.max_member_bytes:
        return RowFault(
            RejectionCode.MEMBER_TOO_LARGE,
            f"the file has {member.n_bytes} bytes, at most {limits.max_member_bytes} are allowed",
        )
    try:
        data = archive.read(member)
        sha256 = hashlib.sha256(data).digest()
        return _ReadImage(data, sha256, None if sha256 in known else normalise(data))
    except DamagedMemberError as error:
        return RowFault(RejectionCode.DAMAGED_MEMBER, f"the file cannot be used: {printable(str(error))}")
    except ImageRefusedError as error:
        return RowFault(RejectionCode(error.code.value), error.detail)


def _record(member: Member, image: _ReadImage, shards: ShardWriter, known: ImageRecord | None) -> ImageRecord:
    if known is not None:
        return replace(known, id=new_id(), source_path=printable(member.name))
    # The normal form lies right behind the original, so that it needs no key of its own.
    assert image.normalised is not None
    normal = image.normalised.normal
    place = shards.append(image.data + (normal or b""))
    facts = image.normalised.facts
    return ImageRecord(
        id=new_id(),
        sha256=image.sha256,
        shard_key=place.key,
        shard_offset=place.offset,
        n_bytes=len(image.data),
        width_px=facts.width_px,
        height_px=facts.height_px,
        media_type=facts.media_type,
        n_frames=facts.n_frames,
        source_path=printable(member.name),
        normal_bytes=None if normal is None else len(normal),
    )
