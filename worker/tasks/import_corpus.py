"""The task that imports an uploaded archive: claim, call the pipeline, record."""

import time
import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core.errors import JobFailedError
from app.core.models import CorpusFormat, JobKind, new_id
from app.core.repositories.base_versions import BaseVersion, flagged_pairs, read_base_version
from app.core.repositories.importing import (
    ImageRecord,
    ImportedVersion,
    begin_import,
    fail_import,
    has_version,
    pairs_of_workspace,
    publish_version,
)
from app.core.repositories.jobs import job_metrics, job_request
from app.core.version_change import AppendArchive, DropFlagged, DropPairs, archive_folder, read_change
from worker.context import WorkerContext
from worker.execution import JobHandle, JobProcedure, execute_job
from worker.pipeline.importing import ImportLimits, extend_version, import_archive, shard_prefix
from worker.sandbox.image_sandbox import ImageSandbox, SandboxLimits
from worker.work_folders import work_folder

_PHASE = "import"
_TELL_S = 0.5


def import_corpus(context: WorkerContext, job_id: uuid.UUID) -> None:
    """Do the import of this job, unless somebody else has it."""
    execute_job(context, job_id, _PROCEDURE)


def _import(handle: JobHandle) -> None:
    asked = handle.transaction(lambda session: _begin(session, handle))
    _delete_unpublished(handle, asked.leftover_id)
    version_id = new_id()
    # Named before the first byte is written, so that whoever comes after a crash knows what to delete.
    handle.progress(_PHASE, 0.0, metrics={"version_id": str(version_id)})
    try:
        version = _make_version(handle, version_id, asked)
        handle.check()
        handle.transaction(lambda session: _publish(session, handle, version))
    except BaseException:
        _delete_unpublished(handle, version_id)
        raise


def _publish(session: Session, handle: JobHandle, version: ImportedVersion) -> None:
    most = handle.context.settings.max_workspace_pairs
    if most is not None:
        left = max(0, most - pairs_of_workspace(session, handle.claim.workspace_id))
        if len(version.pairs) > left:
            raise JobFailedError(
                f"the version has {len(version.pairs)} pairs, and the workspace has {left} of its {most} pairs left; "
                "delete a corpus",
                code="pair_quota",
            )
    publish_version(session, handle.claim, version)


@dataclass(frozen=True)
class _Asked:
    """What the job is to do.

    Attributes:
        archive_key: of the archive to read; None where only pairs are dropped.
        base: the version to go out from; None for a corpus's first archive.
        dropped: pairs of `base` to leave out.
        leftover_id: the version that an earlier attempt may have left shards of.
        wanted_format: that the user named for the corpus's archives.
    """

    archive_key: str | None
    base: BaseVersion | None
    dropped: AbstractSet[uuid.UUID]
    leftover_id: uuid.UUID | None
    wanted_format: CorpusFormat | None


def _begin(session: Session, handle: JobHandle) -> _Asked:
    corpus = begin_import(session, handle.claim)
    leftover = (job_metrics(session, handle.claim.job_id) or {}).get("version_id")
    change = read_change(job_request(session, handle.claim.job_id))
    archive_key = change.archive_key if isinstance(change, AppendArchive) else None
    if change is None and corpus is not None:
        archive_key = corpus.archive_key
    base = None if change is None else read_base_version(session, handle.claim.subject_id)
    if corpus is None or (archive_key is None and base is None):
        raise JobFailedError(f"corpus {handle.claim.subject_id} or its archive is gone", code="corpus_gone")
    dropped: AbstractSet[uuid.UUID] = frozenset()
    if isinstance(change, DropPairs):
        dropped = frozenset(change.pair_ids)
    elif isinstance(change, DropFlagged):
        dropped = flagged_pairs(session, change.run_id, threshold=change.threshold)
    wanted = None if corpus.wanted_format is None else CorpusFormat(corpus.wanted_format)
    return _Asked(archive_key, base, dropped, None if leftover is None else uuid.UUID(leftover), wanted)


def _make_version(handle: JobHandle, version_id: uuid.UUID, asked: _Asked) -> ImportedVersion:
    known = {} if asked.base is None else {image.sha256: image for image in asked.base.images}
    archive = None if asked.archive_key is None else _read_archive(handle, version_id, asked, asked.archive_key, known)
    if asked.base is not None:
        return extend_version(asked.base, version_id, dropped=asked.dropped, added=archive)
    assert archive is not None
    return archive


def _read_archive(
    handle: JobHandle, version_id: uuid.UUID, asked: _Asked, archive_key: str, known: Mapping[bytes, ImageRecord]
) -> ImportedVersion:
    context = handle.context
    decoders = SandboxLimits(max_pixels=context.settings.max_image_pixels)
    with (
        work_folder(context.work_root, f"{handle.claim.job_id}-{handle.claim.fence}") as scratch,
        ImageSandbox(decoders) as sandbox,
    ):
        return import_archive(
            context.storage.local_path(archive_key),
            context.storage,
            version_id,
            ImportLimits.from_settings(context.settings),
            sandbox.normalise,
            scratch=scratch,
            threads=context.n_threads,
            on_progress=_Teller(handle),
            wanted_format=asked.wanted_format,
            known=known,
        )


class _Teller:
    """Passes progress on twice a second, and stops the import as soon as it should not go on."""

    def __init__(self, handle: JobHandle) -> None:
        self._handle = handle
        self._started_at = time.monotonic()
        self._told_at = self._started_at

    def __call__(self, share: float) -> None:
        self._handle.check()
        now = time.monotonic()
        if now - self._told_at >= _TELL_S:
            self._told_at = now
            eta_s = (now - self._started_at) / share * (1 - share) if share > 0 else None
            self._handle.progress(_PHASE, share, eta_s=eta_s)


def _delete_unpublished(handle: JobHandle, version_id: uuid.UUID | None) -> None:
    """Delete the shards of an attempt that published no version.

    Asked without the handle's checks: it is also done when the job must not go on.
    """
    if version_id is None:
        return
    with handle.context.session_factory() as session:
        is_published = has_version(session, version_id)
    if not is_published:
        handle.context.storage.delete_prefix(shard_prefix(version_id))


def _delete_archive(handle: JobHandle) -> None:
    """A corpus whose first import failed keeps nothing; one whose change failed keeps all but the change's archive."""
    with handle.context.session_factory() as session:
        change = read_change(job_request(session, handle.claim.job_id))
    if isinstance(change, AppendArchive):
        handle.context.storage.delete_prefix(archive_folder(change.archive_key))
    elif change is None:
        handle.context.storage.delete_prefix(f"corpora/{handle.claim.subject_id}")


_PROCEDURE = JobProcedure(JobKind.IMPORT, _import, _delete_archive, fail_import)
