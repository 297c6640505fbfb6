"""Rules of uploads: who may begin one, who holds it, when it ends. Each function is one transaction's."""

import uuid

from sqlalchemy.orm import Session

from app.core.errors import InvalidPayloadError, NotFoundError, TooLargeError, WrongStateError
from app.core.models import CorpusState, Upload
from app.core.repositories import corpora, uploads
from app.core.settings import Settings
from app.core.version_change import archive_folder, archive_key
from app.corpora import service as corpora_service
from app.quotas import Quotas
from app.uploads.errors import BadRequestError, GoneError, TakenOverError
from app.uploads.storing import Hold, limit_lock_wait
from app.uploads.tus_headers import Metadata


def create_upload(
    session: Session, settings: Settings, workspace_id: uuid.UUID, *, n_bytes: int, metadata: Metadata
) -> Upload:
    """Begin an upload, and reserve its bytes.

    Raises:
        BadRequestError: the metadata names neither a corpus nor a file.
        InvalidPayloadError: an archive has bytes.
        TooLargeError, UploadQuotaError: there is no room for it.
        NotFoundError, WrongStateError: its corpus does not exist, or has an archive.
    """
    if n_bytes == 0:
        raise InvalidPayloadError("Upload-Length: 0; an archive has bytes", code="empty_body")
    if n_bytes > settings.max_archive_bytes:
        raise TooLargeError(
            f"Upload-Length: {n_bytes} bytes, at most {settings.max_archive_bytes} are allowed",
            code="archive_too_large",
        )
    quotas = Quotas(settings)
    quotas.check_uploads(session, workspace_id)
    quotas.check_bytes(session, workspace_id, n_bytes)
    upload = Upload(
        workspace_id=workspace_id,
        corpus_id=_corpus_for(session, workspace_id, metadata),
        has_own_corpus=metadata.corpus_id is None,
        n_bytes=n_bytes,
        n_stored=0,
        holder=0,
        is_append=metadata.is_append,
        expected_sha256=metadata.sha256,
        encoded_metadata=dict(metadata.encoded),
        expires_at=uploads.expiry(settings.upload_expiry_s),
    )
    session.add(upload)
    session.flush()
    session.refresh(upload)
    return upload


def get_upload(session: Session, workspace_id: uuid.UUID, upload_id: uuid.UUID) -> Upload:
    """An upload of the workspace.

    Raises:
        NotFoundError: there is none, or it is another workspace's.
        GoneError: it has expired.
    """
    found = uploads.find_upload(session, workspace_id, upload_id)
    if found is None:
        raise NotFoundError(f"upload {upload_id} does not exist")
    upload, is_expired = found
    if is_expired:
        raise GoneError(f"upload {upload_id} had no news for too long and has expired; begin another one")
    return upload


def take_over_to_look(session: Session, workspace_id: uuid.UUID, upload_id: uuid.UUID) -> Upload:
    """An upload, whose offset nobody moves any more: a request that still sends bytes loses it."""
    limit_lock_wait(session)
    upload = uploads.take_over(session, workspace_id, upload_id)
    return upload or get_upload(session, workspace_id, upload_id)


def take_over_to_write(
    session: Session, workspace_id: uuid.UUID, upload_id: uuid.UUID, *, offset: int, n_declared: int | None
) -> Hold:
    """Take an upload to store bytes of it from `offset` on. Where that is refused, nothing has changed.

    Args:
        offset: where the client wants to go on.
        n_declared: bytes of the body, where its header says it.

    Raises:
        NotFoundError, GoneError: there is no such upload any more.
        WrongStateError: the offset is another one.
        TooLargeError: the body is longer than the upload.
    """
    limit_lock_wait(session)
    upload = get_upload(session, workspace_id, upload_id)
    check_fits(offset, n_declared, upload.n_bytes)
    taken = uploads.take_over(session, workspace_id, upload_id, n_stored=offset)
    if taken is None:
        upload = get_upload(session, workspace_id, upload_id)
        raise WrongStateError(
            f"Upload-Offset: {offset}, and {upload.n_stored} bytes of upload {upload_id} are stored",
            code="offset_mismatch",
        )
    return hold_of(taken)


def check_fits(offset: int, n_declared: int | None, n_bytes: int) -> None:
    """Refuse a body that is said to reach beyond the upload. One from beyond its end has a wrong offset instead.

    Raises:
        TooLargeError: `upload_overflow`.
    """
    if n_declared is not None and offset <= n_bytes < offset + n_declared:
        raise TooLargeError(
            f"body: {n_declared} bytes from {offset} on, and the upload has {n_bytes}", code="upload_overflow"
        )


def hold_of(upload: Upload) -> Hold:
    """The right to write that whoever has just created or taken an upload has."""
    return Hold(upload.id, upload.workspace_id, upload.holder, upload.n_bytes, upload.n_stored, upload.archive_kind)


def remove_upload(
    session: Session, workspace_id: uuid.UUID, upload_id: uuid.UUID, *, holder: int | None = None
) -> list[str]:
    """End an upload, with the corpus that was made for it if that has no archive. The bytes go after the commit.

    Returns:
        Storage prefixes that nothing names any more: a crash may have left a published archive there.

    Raises:
        NotFoundError: there is none, or it is another workspace's.
        TakenOverError: `holder` is given, and another request holds it.
    """
    limit_lock_wait(session)
    found = uploads.find_upload(session, workspace_id, upload_id)
    if found is None:
        raise NotFoundError(f"upload {upload_id} does not exist")
    upload, _ = found
    # The corpus first, as whoever finishes an upload does.
    corpus = corpora.lock_corpus(session, workspace_id, upload.corpus_id)
    if holder is not None and not uploads.lock_held(session, upload_id, holder):
        raise TakenOverError(f"upload {upload_id}: another request has taken it over; ask for its offset and go on")
    uploads.delete_uploads(session, [upload_id])
    is_its_own = upload.has_own_corpus and corpus is not None and corpus.state == CorpusState.UPLOADING
    if is_its_own and not uploads.uploads_into(session, upload.corpus_id):
        return corpora.delete_corpus(session, upload.corpus_id)
    if upload.is_append and upload.finished_at is None:
        return [archive_folder(archive_key(upload.corpus_id, append_id=upload_id))]
    return []


def _corpus_for(session: Session, workspace_id: uuid.UUID, metadata: Metadata) -> uuid.UUID:
    if metadata.corpus_id is not None:
        corpus = corpora.lock_corpus(session, workspace_id, metadata.corpus_id, is_shared=True)
        return corpora_service.check_takes_archive(corpus, metadata.corpus_id, is_append=metadata.is_append).id
    if metadata.name is None:
        raise BadRequestError(
            "Upload-Metadata: neither corpus_id, name nor filename; one of them says what the archive becomes",
            code="no_name",
        )
    created = corpora_service.create_corpus(
        session, workspace_id, name=metadata.name, wanted_format=metadata.corpus_format
    )
    return created.id
