"""Removes uploads that nobody goes on with, and finishes those whose process died at the last byte."""

import time

import structlog

from app.core.database import session_scope
from app.core.errors import AppError, NotFoundError
from app.core.repositories import uploads
from app.resources import Resources
from app.uploads.finishing import Finisher

log = structlog.get_logger()

_AT_ONCE = 500
_SILENT_S = 60.0  # whoever stored the last byte finishes within it, or died
_LOOK_FOR_LEFTOVERS_EVERY_S = 600.0


class UploadCollector:
    """One chore of the API's sweeper. Several processes may do it at once."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._finisher = Finisher(resources)
        self._lifetime_s = resources.settings.upload_expiry_s
        self._looked_at: float | None = None

    def collect(self) -> None:
        """Do what is due.

        Raises:
            SQLAlchemyError, AppError: the database or the storage is away; the rest is due again next time.
        """
        self._expire()
        self._finish()
        if self._looked_at is None or time.monotonic() - self._looked_at >= _LOOK_FOR_LEFTOVERS_EVERY_S:
            self.remove_leftovers()
            self._looked_at = time.monotonic()

    def remove_leftovers(self) -> None:
        """Remove bytes that no upload names: their process died between its commit and their removal."""
        incoming = self._resources.storage.incoming()
        old = list(incoming.leftovers(self._lifetime_s))
        with session_scope(self._resources.session_factory) as session:
            known = uploads.known_uploads(session, old)
        for upload_id in set(old) - known:
            incoming.discard(upload_id)

    def _expire(self) -> None:
        with session_scope(self._resources.session_factory) as session:
            expired = uploads.expired_uploads(session, limit=_AT_ONCE)
        for upload_id, workspace_id in expired:
            try:
                self._finisher.remove(workspace_id, upload_id)
            except NotFoundError:
                continue  # another process was faster
            log.info("upload.expired", upload_id=str(upload_id))

    def _finish(self) -> None:
        with session_scope(self._resources.session_factory) as session:
            left = uploads.unfinished_uploads(session, silent_s=_SILENT_S, lifetime_s=self._lifetime_s, limit=_AT_ONCE)
        for upload_id in left:
            try:
                self._finisher.finish(upload_id)
            except AppError as error:
                log.warning("upload.not_finished", upload_id=str(upload_id), code=error.code, detail=error.detail)
