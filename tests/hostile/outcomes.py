"""What an import makes of a hostile file, in a form that compares with what is expected."""

import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from app.core.storage import LocalStorage
from tests.hostile.items import HostileArchive
from worker.pipeline.importing import ArchiveRefusedError, ImportLimits, import_archive
from worker.pipeline.importing.image_store import Normalise

# As the service has them, but for the number of members: none of these archives holds that many.
LIMITS = ImportLimits(
    max_archive_bytes=2**36,
    max_archive_members=10_000,
    max_member_bytes=64 * 2**20,
    max_manifest_bytes=2**31,
    max_caption_chars=10_000,
    shard_bytes=2**28,
)


@dataclass(frozen=True)
class Outcome:
    """A refusal of the whole, or what became of the rows: `rejected` is (code, how many), ordered."""

    refusal: str | None
    n_accepted: int = 0
    rejected: tuple[tuple[str, int], ...] = ()


def expected(item: HostileArchive) -> Outcome:
    """What the item asks for."""
    return Outcome(item.refusal, item.n_accepted, tuple(sorted(item.rejected.items())))


def outcome(data: bytes, normalise: Normalise, folder: Path) -> Outcome:
    """Import an archive inside `folder`, where nothing but `upload`, `storage` and `scratch` may be written.

    Raises:
        AssertionError: rows are not accounted for.
    """
    path = folder / "upload"
    path.write_bytes(data)
    storage = LocalStorage(folder / "storage")
    scratch = folder / "scratch"
    try:
        version = import_archive(
            path, storage, uuid.uuid4(), LIMITS, normalise, scratch=scratch, threads=2, on_progress=lambda _share: None
        )
    except ArchiveRefusedError as error:
        return Outcome(error.code)
    assert version.n_read == len(version.pairs) + len(version.rejections)
    codes = Counter(row.code.value for row in version.rejections)
    return Outcome(None, len(version.pairs), tuple(sorted(codes.items())))
