"""The task that imports an uploaded archive: claim, call the pipeline, record."""

import time
import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core.errors import JobFailedError
from app.core.models import CorpusFormat, JobKind, new_id
from app.core.repositories.importing import begin_import, fail_import, has_version, publish_version
from app.core.repositories.jobs import job_metrics
from worker.context import WorkerContext
from worker.execution import JobHandle, JobProcedure, execute_job
from worker.pipeline.importing import ImportLimits, import_archive, shard_prefix
from worker.sandbox.image_sandbox import ImageSandbox, SandboxLimits
from worker.work_folders import work_folder

_PHASE = "import"
_TELL_S = 0.5


def import_corpus(context: WorkerContext, job_id: uuid.UUID) -> None:
    """Do the import of this job, unless somebody else has it."""
    execute_job(context, job_id, _PROCEDURE)


def _import(handle: JobHandle) -> None:
    upload = handle.transaction(lambda session: _begin(session, handle))
    _delete_unpublished(handle, upload.leftover_id)
    version_id = new_id()
    # Named before the first byte is written, so that whoever comes after a crash knows what to delete.
    handle.progress(_PHASE, 0.0, metrics={"version_id": str(version_id)})
    try:
        _import_version(handle, version_id, upload)
    except BaseException:
        _delete_unpublished(handle, version_id)
        raise


@dataclass(frozen=True)
class _Upload:
    """What to import: an archive, the format that the user named, and the version that an earlier attempt left."""

    archive_key: str
    wanted_format: CorpusFormat | None
    leftover_id: uuid.UUID | None


def _begin(session: Session, handle: JobHandle) -> _Upload:
    corpus = begin_import(session, handle.claim)
    if corpus is None or corpus.archive_key is None:
        raise JobFailedError(f"corpus {handle.claim.subject_id} or its archive is gone", code="corpus_gone")
    leftover = (job_metrics(session, handle.claim.job_id) or {}).get("version_id")
    return _Upload(
        corpus.archive_key,
        None if corpus.wanted_format is None else CorpusFormat(corpus.wanted_format),
        None if leftover is None else uuid.UUID(leftover),
    )


def _import_version(handle: JobHandle, version_id: uuid.UUID, upload: _Upload) -> None:
    context = handle.context
    decoders = SandboxLimits(max_pixels=context.settings.max_image_pixels)
    with (
        work_folder(context.work_root, f"{handle.claim.job_id}-{handle.claim.fence}") as scratch,
        ImageSandbox(decoders) as sandbox,
    ):
        version = import_archive(
            context.storage.local_path(upload.archive_key),
            context.storage,
            version_id,
            ImportLimits.from_settings(context.settings),
            sandbox.normalise,
            scratch=scratch,
            threads=context.n_threads,
            on_progress=_Teller(handle),
            wanted_format=upload.wanted_format,
        )
    handle.check()
    handle.transaction(lambda session: publish_version(session, handle.claim, version))


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
    """A corpus whose import failed keeps nothing."""
    handle.context.storage.delete_prefix(f"corpora/{handle.claim.subject_id}")


_PROCEDURE = JobProcedure(JobKind.IMPORT, _import, _delete_archive, fail_import)
