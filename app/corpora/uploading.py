"""One PUT of an archive, from the first check to the queued import."""

import uuid
from collections.abc import AsyncIterator

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session

from app.core.database import session_scope
from app.core.models import JobKind, new_id
from app.core.repositories.corpora import find_corpus, lock_corpus
from app.core.version_change import archive_key
from app.corpora import service
from app.corpora.receiving import ArchiveReceiver, ReceivedArchive
from app.corpora.schemas import CorpusView
from app.quotas import Quotas
from app.resources import Resources


class ArchiveUpload:
    """Takes the archive of one corpus. Of several uploads at once the first to end wins, the others get a 409.

    No connection to the database is held while bytes come, which may take hours.
    """

    def __init__(
        self, resources: Resources, workspace_id: uuid.UUID, corpus_id: uuid.UUID, *, is_append: bool = False
    ) -> None:
        self._resources = resources
        self._workspace_id = workspace_id
        self._corpus_id = corpus_id
        self._is_append = is_append
        key = archive_key(corpus_id, append_id=new_id() if is_append else None)
        self._receiver = ArchiveReceiver(resources.storage, key, max_bytes=resources.settings.max_archive_bytes)

    async def take(self, content_length: str | None, chunks: AsyncIterator[bytes]) -> CorpusView:
        """Store the archive and queue its import.

        When the client breaks off, or anything else fails, the corpus still waits for its archive and nothing of this
        one is kept.
        """
        self._receiver.check_declared(content_length)
        await run_sync(self._check, content_length)
        try:
            archive = await self._receiver.receive(chunks)
            return await run_sync(self._finish, archive)
        except BaseException as error:
            self._receiver.abandon(error)
            raise

    def _check(self, content_length: str | None) -> None:
        with session_scope(self._resources.session_factory) as session:
            if content_length is not None:  # what the receiver has found to be a number, or nobody can count with
                self._check_quota(session, int(content_length) if content_length.isdecimal() else 0)
            found = find_corpus(session, self._workspace_id, self._corpus_id)
            service.check_takes_archive(found, self._corpus_id, is_append=self._is_append)

    def _finish(self, archive: ReceivedArchive) -> CorpusView:
        with session_scope(self._resources.session_factory) as session:
            self._check_quota(session, archive.n_bytes)
            # The object appears while the corpus is locked, so that no other upload can replace what the row describes.
            locked = lock_corpus(session, self._workspace_id, self._corpus_id)
            corpus = service.check_takes_archive(locked, self._corpus_id, is_append=self._is_append)
            self._receiver.publish()
            job_id = service.accept_archive(session, corpus, archive, is_append=self._is_append)
            session.flush()
            view = service.view_corpus(session, corpus)
        self._resources.wake_ups.send(JobKind.IMPORT, job_id)
        return view

    def _check_quota(self, session: Session, n_bytes: int) -> None:
        Quotas(self._resources.settings).check_bytes(session, self._workspace_id, n_bytes)
