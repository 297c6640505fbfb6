"""One PUT of an archive, from the first check to the queued import."""

import uuid
from collections.abc import AsyncIterator

from anyio.to_thread import run_sync

from app.core.database import session_scope
from app.core.models import JobKind
from app.core.repositories.corpora import find_corpus, lock_corpus
from app.core.version_change import AppendArchive
from app.corpora import service
from app.corpora.receiving import ArchiveReceiver, ReceivedArchive
from app.corpora.schemas import CorpusView
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
        key = AppendArchive.new_key(corpus_id) if is_append else f"corpora/{corpus_id}/archive"
        self._receiver = ArchiveReceiver(resources.storage, key, max_bytes=resources.settings.max_archive_bytes)

    async def take(self, content_length: str | None, chunks: AsyncIterator[bytes]) -> CorpusView:
        """Store the archive and queue its import.

        When the client breaks off, or anything else fails, the corpus still waits for its archive and nothing of this
        one is kept.
        """
        self._receiver.check_declared(content_length)
        await run_sync(self._check)
        try:
            archive = await self._receiver.receive(chunks)
            return await run_sync(self._finish, archive)
        except BaseException as error:
            self._receiver.abandon(error)
            raise

    def _check(self) -> None:
        with session_scope(self._resources.session_factory) as session:
            found = find_corpus(session, self._workspace_id, self._corpus_id)
            service.check_takes_archive(found, self._corpus_id, is_append=self._is_append)

    def _finish(self, archive: ReceivedArchive) -> CorpusView:
        with session_scope(self._resources.session_factory) as session:
            # The object appears while the corpus is locked, so that no other upload can replace what the row describes.
            locked = lock_corpus(session, self._workspace_id, self._corpus_id)
            corpus = service.check_takes_archive(locked, self._corpus_id, is_append=self._is_append)
            self._receiver.publish()
            job_id = service.accept_archive(session, corpus, archive, is_append=self._is_append)
            session.flush()
            view = service.view_corpus(session, corpus)
        self._resources.wake_ups.send(JobKind.IMPORT, job_id)
        return view
