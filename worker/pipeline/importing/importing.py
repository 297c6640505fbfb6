"""The import of one archive, from its bytes to the rows of a version."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from app.core.models import CorpusFormat
from app.core.repositories.importing import ImageRecord, ImportedVersion
from app.core.storage import Storage
from worker.pipeline.importing.assembling import assemble_version
from worker.pipeline.importing.image_store import Normalise, store_images
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.opening import open_archive
from worker.pipeline.importing.preflight import make_preflight
from worker.pipeline.importing.reading import read_corpus
from worker.pipeline.importing.shards import ShardWriter
from worker.pipeline.importing.source import CorpusSource
from worker.pipeline.importing.stored_image_sample import StoredImageSample

_IMAGES_SHARE = 0.95  # of the work, the rest is reading the captions
_READING_SHARE = 0.04


def shard_prefix(version_id: uuid.UUID) -> str:
    """Under which the image bytes of a version lie."""
    return f"versions/{version_id}/shards"


def import_archive(
    archive_path: Path,
    storage: Storage,
    version_id: uuid.UUID,
    limits: ImportLimits,
    normalise: Normalise,
    *,
    scratch: Path,
    threads: int,
    on_progress: Callable[[float], None],
    wanted_format: CorpusFormat | None = None,
    known: Mapping[bytes, ImageRecord] | None = None,
) -> ImportedVersion:
    """Read an archive once, store its distinct images, and say what becomes of every row.

    Writes nothing but shards under `shard_prefix(version_id)`; whoever calls deletes them when it raises.

    Args:
        archive_path: zip, tar, tar.gz, tar.zst or parquet.
        storage: where image bytes go.
        version_id: of the version to be.
        limits: see `ImportLimits`.
        normalise: decodes an image, see `store_images`.
        scratch: folder for temporary files.
        threads: how many read and decode images at once.
        known: images that are stored already, by SHA-256.
        on_progress: called often with the done share in [0, 1]; it may raise to stop the import.
        wanted_format: the format that the user named; None = told from the content.

    Raises:
        ArchiveRefusedError: the archive as a whole cannot be used.
    """
    with (
        open_archive(archive_path, limits, scratch, lambda: on_progress(0.0)) as archive,
        CorpusSource(archive, limits, scratch, lambda: on_progress(0.0)) as source,
    ):
        on_progress(0.0)
        read = read_corpus(source, wanted_format)
        n_wanted = max(1, len(read.joined.wanted))
        with ShardWriter(storage, shard_prefix(version_id), shard_bytes=limits.shard_bytes) as shards:
            stored = store_images(
                read.archive,
                [read.archive.members[name] for name in read.joined.wanted],
                shards,
                limits,
                normalise,
                threads=threads,
                known=known or {},
                on_image=lambda n_done: on_progress(_READING_SHARE + _IMAGES_SHARE * n_done / n_wanted),
            )
        preflight = make_preflight(
            read, StoredImageSample(storage, stored, lambda: on_progress(_READING_SHARE + _IMAGES_SHARE))
        )
    return assemble_version(version_id, read, stored, preflight.as_json())
