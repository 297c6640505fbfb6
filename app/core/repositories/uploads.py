"""SQL of uploads: who holds one, how much of it is stored, what a workspace has. All times are the database's."""

import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, delete, func, select, text, update
from sqlalchemy.orm import Session

from app.core.models import Corpus, Job, JobKind, JobState, Upload, Workspace


def expiry(lifetime_s: float) -> ColumnElement[Any]:  # Any: a time, as a column takes it
    """When an upload that was heard of now expires."""
    return func.now() + timedelta(seconds=lifetime_s)


def find_upload(session: Session, workspace_id: uuid.UUID, upload_id: uuid.UUID) -> tuple[Upload, bool] | None:
    """The workspace's upload with that id, and whether it has expired."""
    row = session.execute(
        select(Upload, Upload.expires_at < func.now()).where(
            Upload.workspace_id == workspace_id, Upload.id == upload_id
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def take_over(
    session: Session, workspace_id: uuid.UUID, upload_id: uuid.UUID, *, n_stored: int | None = None
) -> Upload | None:
    """Become the one who may store bytes: from now on nobody who held the upload before can.

    Waits for a step of another holder that is under way.

    Args:
        n_stored: only if exactly so many bytes are stored, however they came; left out: in any case.

    Returns:
        The upload, or None: there is none that has not expired, or it has another number of bytes.
    """
    statement = update(Upload).where(
        Upload.workspace_id == workspace_id, Upload.id == upload_id, Upload.expires_at >= func.now()
    )
    if n_stored is not None:
        statement = statement.where(Upload.n_stored == n_stored)
    return session.execute(
        statement.values(holder=Upload.holder + 1)
        .returning(Upload)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).scalar_one_or_none()


def lock_upload(session: Session, upload_id: uuid.UUID) -> Upload | None:
    """The upload, read anew and locked until the transaction ends."""
    return session.execute(
        select(Upload).where(Upload.id == upload_id).with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()


def lock_held(session: Session, upload_id: uuid.UUID, holder: int) -> bool:
    """Lock the upload until the transaction ends, if `holder` still holds it."""
    held = select(Upload.id).where(Upload.id == upload_id, Upload.holder == holder).with_for_update()
    return session.execute(held).scalar_one_or_none() is not None


def record_stored(
    session: Session, upload_id: uuid.UUID, *, n_stored: int, archive_kind: str | None, lifetime_s: float
) -> None:
    """Note how many bytes are safe. The caller has locked the upload."""
    session.execute(
        update(Upload)
        .where(Upload.id == upload_id)
        .values(n_stored=n_stored, archive_kind=archive_kind, expires_at=expiry(lifetime_s))
        .execution_options(synchronize_session=False)
    )


def record_read(session: Session, upload_id: uuid.UUID, *, sha256: bytes, archive_kind: str) -> None:
    """Note what all bytes together are, so that nobody has to read them again."""
    session.execute(
        update(Upload)
        .where(Upload.id == upload_id)
        .values(sha256=sha256, archive_kind=archive_kind)
        .execution_options(synchronize_session=False)
    )


def commit_lazily(session: Session) -> None:
    """Let the database write this transaction to disk a moment after its commit: the next strict commit follows it."""
    session.execute(text("SET LOCAL synchronous_commit = off"))


def list_uploads(session: Session, workspace_id: uuid.UUID, *, after: uuid.UUID | None, limit: int) -> list[Upload]:
    """Uploads of a workspace that have not expired, the newest first."""
    statement = (
        select(Upload)
        .where(Upload.workspace_id == workspace_id, Upload.expires_at >= func.now())
        .order_by(Upload.id.desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(Upload.id < after)
    return list(session.execute(statement).scalars())


def expired_uploads(session: Session, *, limit: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Ids of expired uploads and of their workspaces."""
    statement = select(Upload.id, Upload.workspace_id).where(Upload.expires_at < func.now()).order_by(Upload.expires_at)
    return [(upload_id, workspace_id) for upload_id, workspace_id in session.execute(statement.limit(limit))]


def unfinished_uploads(session: Session, *, silent_s: float, lifetime_s: float, limit: int) -> list[uuid.UUID]:
    """Uploads whose bytes have all come and that nobody finished for so long: a process died just then."""
    is_silent = Upload.expires_at < func.now() + timedelta(seconds=lifetime_s - silent_s)
    statement = select(Upload.id).where(
        Upload.n_stored == Upload.n_bytes, Upload.finished_at.is_(None), is_silent, Upload.expires_at >= func.now()
    )
    return list(session.execute(statement.order_by(Upload.id).limit(limit)).scalars())


def uploads_into(session: Session, corpus_id: uuid.UUID) -> list[uuid.UUID]:
    """Ids of the uploads that are for a corpus."""
    return list(session.execute(select(Upload.id).where(Upload.corpus_id == corpus_id)).scalars())


def known_uploads(session: Session, upload_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the ids that are uploads."""
    return set(session.execute(select(Upload.id).where(Upload.id.in_(upload_ids))).scalars())


def delete_uploads(session: Session, upload_ids: Sequence[uuid.UUID]) -> None:
    """Delete rows; the caller removes their bytes after its commit."""
    session.execute(delete(Upload).where(Upload.id.in_(upload_ids)))


def lock_workspace(session: Session, workspace_id: uuid.UUID) -> None:
    """Let one transaction at a time count what the workspace has. Rows that only name the workspace do not wait."""
    session.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update(key_share=True))


def workspace_bytes(session: Session, workspace_id: uuid.UUID) -> int:
    """Bytes of the workspace's archives, those that unfinished uploads have reserved included."""
    archives = select(func.sum(Corpus.archive_bytes)).where(
        Corpus.workspace_id == workspace_id,
        Corpus.archive_key.is_not(None),  # else its import failed, and the archive is deleted
    )
    appended = select(func.sum(cast(Job.request["n_bytes"].astext, BigInteger))).where(
        Job.workspace_id == workspace_id,
        Job.kind == JobKind.IMPORT,
        Job.state.not_in((JobState.FAILED, JobState.CANCELLED)),  # whose archives are deleted too
    )
    reserved = select(func.sum(Upload.n_bytes)).where(*_unfinished(workspace_id))
    # One statement, which sees one moment: an upload that ends meanwhile moves from one sum to another.
    sums = [func.coalesce(counted.scalar_subquery(), 0) for counted in (archives, appended, reserved)]
    return int(session.execute(select(sums[0] + sums[1] + sums[2])).scalar_one())


def count_unfinished(session: Session, workspace_id: uuid.UUID) -> int:
    """Uploads of the workspace that are under way or abandoned."""
    return session.execute(select(func.count()).select_from(Upload).where(*_unfinished(workspace_id))).scalar_one()


def _unfinished(workspace_id: uuid.UUID) -> tuple[ColumnElement[bool], ...]:
    return Upload.workspace_id == workspace_id, Upload.finished_at.is_(None)
