"""SQL of an import: a corpus version and all its rows, in one transaction with the end of the job."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from app.core.models import Corpus, CorpusState, CorpusVersion, JobState, Workspace, new_id
from app.core.models.states import CorpusFormat, RejectionCode
from app.core.repositories.copying import copy_rows
from app.core.repositories.jobs import Claim, append_event, finish_job


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """A distinct image of a version; its place in the list is its ordinal."""

    id: uuid.UUID
    sha256: bytes
    shard_key: str
    shard_offset: int
    n_bytes: int
    width_px: int
    height_px: int
    media_type: str
    n_frames: int
    source_path: str
    normal_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PairRecord:
    """An accepted row; its place in the list is its ordinal."""

    pair_key: str
    image_id: uuid.UUID
    caption_ordinal: int
    caption: str
    source_id: str | None
    source_path: str
    row_number: int
    extra: dict[str, Any] | None  # Any: JSON
    import_number: int = 1
    source_file: str | None = None


@dataclass(frozen=True, slots=True)
class RejectionRecord:
    """An input row that was not accepted."""

    row_number: int | None
    source_path: str | None
    code: RejectionCode
    detail: str
    source_file: str | None = None
    byte_offset: int | None = None


@dataclass(frozen=True)
class ImportedVersion:
    """What an import found. n_read = accepted + rejected.

    Attributes:
        n_read: caption rows, and images that no row names.
        n_captions: distinct normalised captions.
        format: that the newest archive came in.
        preflight: what can be told of that archive before any training, as the API shows it; None without an archive.
        parent_id: the version that this one goes out from; None of a corpus's first.
        n_added, n_dropped: pairs, against the parent.
    """

    id: uuid.UUID
    n_read: int
    n_captions: int
    images: Sequence[ImageRecord]
    pairs: Sequence[PairRecord]
    rejections: Sequence[RejectionRecord]
    image_column: str
    caption_column: str
    n_other_members: int
    format: CorpusFormat | None = None
    preflight: dict[str, Any] | None = None  # Any: JSON
    parent_id: uuid.UUID | None = None
    n_added: int | None = None
    n_dropped: int | None = None

    def __post_init__(self) -> None:
        n_counted = len(self.pairs) + len(self.rejections)
        if self.n_read != n_counted:
            raise ValueError(f"{self.n_read} rows were read, but {n_counted} accepted or rejected")


_OWNER_TYPES = {"workspace_id": "uuid", "corpus_version_id": "uuid"}
_IMAGE_TYPES = _OWNER_TYPES | {
    "ordinal": "int4",
    "id": "uuid",
    "sha256": "bytea",
    "shard_key": "text",
    "shard_offset": "int8",
    "n_bytes": "int4",
    "width_px": "int4",
    "height_px": "int4",
    "media_type": "text",
    "n_frames": "int4",
    "source_path": "text",
    "normal_bytes": "int4",
}
_PAIR_TYPES = _OWNER_TYPES | {
    "ordinal": "int4",
    "id": "uuid",
    "pair_key": "text",
    "image_id": "uuid",
    "caption_ordinal": "int4",
    "caption": "text",
    "source_id": "text",
    "source_path": "text",
    "row_number": "int4",
    "extra": "jsonb",
    "import_number": "int4",
    "source_file": "text",
}
_REJECTION_TYPES = _OWNER_TYPES | {
    "row_number": "int4",
    "source_path": "text",
    "code": "text",
    "detail": "text",
    "source_file": "text",
    "byte_offset": "int8",
}


def begin_import(session: Session, claim: Claim) -> Corpus | None:
    """Show that the corpus is being imported; None when it is gone."""
    return session.execute(
        update(Corpus)
        .where(Corpus.id == claim.subject_id, Corpus.workspace_id == claim.workspace_id)
        .values(state=CorpusState.IMPORTING, error=None)
        .returning(Corpus)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()


def publish_version(session: Session, claim: Claim, version: ImportedVersion) -> None:
    """Write the version with all its rows, make the corpus ready and finish the job, all under the fence.

    Raises:
        LeaseLostError: another worker holds the job; the caller's rollback undoes everything.
    """
    number = session.execute(
        select(func.coalesce(func.max(CorpusVersion.number), 0) + 1).where(CorpusVersion.corpus_id == claim.subject_id)
    ).scalar_one()
    counts = {
        "n_read": version.n_read,
        "n_accepted": len(version.pairs),
        "n_rejected": len(version.rejections),
        "n_images": len(version.images),
        "n_captions": version.n_captions,
    }
    session.add(
        CorpusVersion(
            id=version.id,
            workspace_id=claim.workspace_id,
            corpus_id=claim.subject_id,
            number=number,
            image_column=version.image_column,
            caption_column=version.caption_column,
            format=version.format,
            preflight=version.preflight,
            parent_id=version.parent_id,
            n_added=version.n_added,
            n_dropped=version.n_dropped,
            **counts,
        )
    )
    session.flush()
    _copy_rows(session, claim.workspace_id, version)
    _set_state(session, claim, CorpusState.READY, error=None)
    append_event(session, claim, "imported", {**counts, "n_other_members": version.n_other_members})
    finish_job(session, claim, JobState.DONE)


def pairs_of_workspace(session: Session, workspace_id: uuid.UUID) -> int:
    """Pairs of a workspace in all versions. Until the transaction ends, nobody else counts them to add some."""
    session.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update(key_share=True))
    statement = select(func.sum(CorpusVersion.n_accepted)).where(CorpusVersion.workspace_id == workspace_id)
    return int(session.execute(statement).scalar_one() or 0)


def fail_import(session: Session, claim: Claim, state: JobState, error: dict[str, Any]) -> None:  # Any: JSON
    """End the job, and leave the corpus failed with the same words and without its archive.

    A corpus that has a version already stays ready with it; only the job tells what failed.

    Args:
        state: failed, or cancelled.
        error: `code` and `detail`.

    Raises:
        LeaseLostError: another worker holds the job.
    """
    has_one = session.execute(select(exists().where(CorpusVersion.corpus_id == claim.subject_id))).scalar_one()
    if has_one:
        _set_state(session, claim, CorpusState.READY, error=None)
    else:
        _set_state(session, claim, CorpusState.FAILED, error=error)
        session.execute(update(Corpus).where(Corpus.id == claim.subject_id).values(archive_key=None))
    finish_job(session, claim, state, error=error)


def has_version(session: Session, version_id: uuid.UUID) -> bool:
    """Whether a version was published."""
    return (
        session.execute(select(CorpusVersion.id).where(CorpusVersion.id == version_id)).scalar_one_or_none() is not None
    )


def _set_state(
    session: Session, claim: Claim, state: CorpusState, *, error: dict[str, Any] | None
) -> None:  # Any: JSON
    session.execute(
        update(Corpus)
        .where(Corpus.id == claim.subject_id)
        .values(state=state, error=error)
        .execution_options(synchronize_session=False)
    )


def _copy_rows(session: Session, workspace_id: uuid.UUID, version: ImportedVersion) -> None:
    owner = (workspace_id, version.id)
    copy_rows(
        session,
        "images",
        _IMAGE_TYPES,
        (
            (
                *owner,
                ordinal,
                image.id,
                image.sha256,
                image.shard_key,
                image.shard_offset,
                image.n_bytes,
                image.width_px,
                image.height_px,
                image.media_type,
                image.n_frames,
                image.source_path,
                image.normal_bytes,
            )
            for ordinal, image in enumerate(version.images)
        ),
    )
    copy_rows(
        session,
        "pairs",
        _PAIR_TYPES,
        (
            (
                *owner,
                ordinal,
                new_id(),
                pair.pair_key,
                pair.image_id,
                pair.caption_ordinal,
                pair.caption,
                pair.source_id,
                pair.source_path,
                pair.row_number,
                None if pair.extra is None else Jsonb(pair.extra),
                pair.import_number,
                pair.source_file,
            )
            for ordinal, pair in enumerate(version.pairs)
        ),
    )
    copy_rows(
        session,
        "rejections",
        _REJECTION_TYPES,
        (
            (*owner, row.row_number, row.source_path, row.code.value, row.detail, row.source_file, row.byte_offset)
            for row in version.rejections
        ),
    )
