"""The end of an upload: all bytes are stored; they become the archive of its corpus, once."""

import hashlib
import uuid

from sqlalchemy import func

from app.core.database import session_scope
from app.core.errors import NotFoundError, UnsupportedTypeError, WrongStateError
from app.core.models import JobKind, Upload
from app.core.repositories import corpora, uploads
from app.core.storage import told_as_unavailable
from app.core.version_change import archive_key
from app.corpora import service as corpora_service
from app.corpora.service import HEAD_BYTES, ReceivedArchive, archive_kind
from app.resources import Resources
from app.uploads import service
from app.uploads.errors import ChecksumError


class Finisher:
    """Does what the last byte of a PUT does. Everything may be done again after a crash at any point."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._incoming = resources.storage.incoming()

    def finish(self, upload_id: uuid.UUID, sha256: bytes | None = None) -> None:
        """Hash, publish, queue the import.

        Args:
            upload_id: of an upload whose bytes are all stored; doing it to one that is finished does nothing.
            sha256: of them, where it is known.

        Raises:
            UnsupportedTypeError, ChecksumError, WrongStateError: they are no archive, not those that the client has
                hashed, or come second; the upload is removed, but for one that is appended: it stays and may be
                finished as soon as the corpus is ready.
            NotFoundError: it was removed meanwhile.
            UnavailableError: the storage is away; nothing is lost.
        """
        with session_scope(self._resources.session_factory) as session:
            upload = uploads.lock_upload(session, upload_id)
        if upload is None:
            raise NotFoundError(f"upload {upload_id} does not exist")
        if upload.finished_at is not None:
            return
        try:
            archive = self._read(upload, sha256)
            job_id = self._publish(upload, archive)
        except (UnsupportedTypeError, ChecksumError, WrongStateError) as error:
            # A corpus in which another change is under way will be ready: the bytes wait for that.
            if not (upload.is_append and isinstance(error, WrongStateError)):
                self.remove(upload.workspace_id, upload_id)
            raise
        if job_id is not None:
            self._resources.wake_ups.send(JobKind.IMPORT, job_id)
        with told_as_unavailable():
            self._incoming.discard(upload_id)

    def remove(self, workspace_id: uuid.UUID, upload_id: uuid.UUID, *, holder: int | None = None) -> None:
        """End an upload and remove what came of it.

        Args:
            workspace_id: whose.
            upload_id: which.
            holder: only if this one still holds it.

        Raises:
            NotFoundError: there is none, or it is another workspace's.
            TakenOverError: another request holds it.
        """
        with session_scope(self._resources.session_factory) as session:
            prefixes = service.remove_upload(session, workspace_id, upload_id, holder=holder)
        # A crash just here leaves bytes without a row, which the collector finds.
        with told_as_unavailable():
            self._incoming.discard(upload_id)
            for prefix in prefixes:
                self._resources.storage.delete_prefix(prefix)

    def _read(self, upload: Upload, sha256: bytes | None) -> ReceivedArchive:
        kind = upload.archive_kind
        sha256 = upload.sha256 or sha256
        with told_as_unavailable():
            if kind is None:
                kind = archive_kind(b"".join(self._incoming.read(upload.id, min(HEAD_BYTES, upload.n_bytes))))
            if sha256 is None:
                digest = hashlib.sha256()
                for data in self._incoming.read(upload.id, upload.n_bytes):
                    digest.update(data)
                sha256 = digest.digest()
        if upload.expected_sha256 not in (None, sha256):
            raise ChecksumError(
                f"upload {upload.id}: the whole has SHA-256 {sha256.hex()}, its metadata says "
                f"{(upload.expected_sha256 or b'').hex()}; nothing of it is kept",
                code="sha256_mismatch",
            )
        if upload.sha256 is None:
            # Known before the bytes move: whoever goes on after a crash in between need not read them.
            with session_scope(self._resources.session_factory) as session:
                uploads.record_read(session, upload.id, sha256=sha256, archive_kind=kind)
        key = archive_key(upload.corpus_id, append_id=upload.id if upload.is_append else None)
        return ReceivedArchive(key, kind, upload.n_bytes, sha256)

    def _publish(self, upload: Upload, archive: ReceivedArchive) -> uuid.UUID | None:
        """The import job; None when another request came first."""
        with session_scope(self._resources.session_factory) as session:
            locked = corpora.lock_corpus(session, upload.workspace_id, upload.corpus_id)
            newest = uploads.lock_upload(session, upload.id)
            if newest is None:
                raise NotFoundError(f"upload {upload.id} does not exist")
            if newest.finished_at is not None:
                return None
            corpus = corpora_service.check_takes_archive(locked, upload.corpus_id, is_append=upload.is_append)
            with told_as_unavailable():
                self._incoming.publish(upload.id, upload.n_bytes, archive.key)
            job_id = corpora_service.accept_archive(session, corpus, archive, is_append=upload.is_append)
            newest.finished_at = func.now()
            newest.expires_at = uploads.expiry(self._resources.settings.upload_expiry_s)
            session.flush()
        return job_id
