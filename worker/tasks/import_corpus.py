"""The task that imports an uploaded archive: claim, call the pipeline, record."""

import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.orm import Session

from app.core.database import session_scope
from app.core.errors import JobFailedError
from app.core.models import JobKind, JobState, new_id
from app.core.repositories.importing import begin_import, fail_import, has_version, publish_version
from app.core.repositories.jobs import Claim, job_metrics
from worker.context import WorkerContext
from worker.execution import JobHandle, execute_job
from worker.pipeline.importing import ImportLimits, import_archive, shard_prefix

_PHASE = "import"
_TELL_S = 0.5


def import_corpus(context: WorkerContext, job_id: uuid.UUID) -> None:
    """Do the import of this job, unless somebody else has it."""

    def end(session: Session, claim: Claim, state: JobState, error: dict[str, Any]) -> None:  # Any: JSON
        fail_import(session, claim, state, error)

    execute_job(context, JobKind.IMPORT, job_id, _import, end=end)


def _import(handle: JobHandle) -> None:
    context = handle.context
    with session_scope(context.session_factory) as session:
        corpus = begin_import(session, handle.claim)
        metrics = job_metrics(session, handle.claim.job_id) or {}
        if corpus is None or corpus.archive_key is None:
            raise JobFailedError(f"corpus {handle.claim.subject_id} or its archive is gone", code="corpus_gone")
        archive_key = corpus.archive_key
    _delete_leftovers(handle, metrics.get("version_id"))
    version_id = new_id()
    # Named before the first byte is written, so that whoever comes after a crash knows what to delete.
    handle.progress(_PHASE, 0.0, metrics={"version_id": str(version_id)})
    try:
        _import_version(handle, version_id, archive_key)
    except BaseException:
        _delete_leftovers(handle, str(version_id))
        raise


def _import_version(handle: JobHandle, version_id: uuid.UUID, archive_key: str) -> None:
    context = handle.context
    scratch_root = context.settings.data.resolve() / "work"
    scratch_root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch_root, prefix="import-") as scratch:
        version = import_archive(
            context.storage.local_path(archive_key),
            context.storage,
            version_id,
            ImportLimits.from_settings(context.settings),
            scratch=Path(scratch),
            threads=context.n_threads,
            on_progress=_Teller(handle),
        )
    handle.check()
    with session_scope(context.session_factory) as session:
        publish_version(session, handle.claim, version)


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


def _delete_leftovers(handle: JobHandle, version_id: str | None) -> None:
    """Delete the shards of an attempt that published no version."""
    if version_id is None:
        return
    with session_scope(handle.context.session_factory) as session:
        if has_version(session, uuid.UUID(version_id)):
            return
    handle.context.storage.delete_prefix(shard_prefix(uuid.UUID(version_id)))
