"""One step of an upload: bytes become safe, and the database says so, or neither."""

import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import session_scope
from app.core.errors import NotFoundError
from app.core.repositories import uploads
from app.core.storage import Incoming, told_as_unavailable
from app.uploads.errors import TakenOverError

_LOCK_TIMEOUT = "10s"  # another holder's step takes a fraction of it


@dataclass(frozen=True)
class Hold:
    """The right to store bytes of an upload, until another request takes it over; and how it stood then."""

    upload_id: uuid.UUID
    workspace_id: uuid.UUID
    holder: int
    n_bytes: int
    n_stored: int
    archive_kind: str | None


class Steps:
    """Stores the bytes of one hold.

    The row is locked while bytes are written, so that a holder that was taken over, in this process or another one,
    cannot write any more: it finds out before its next step. Nothing is locked between steps, while bytes come.
    """

    def __init__(
        self, session_factory: sessionmaker[Session], incoming: Incoming, hold: Hold, *, lifetime_s: float
    ) -> None:
        self._session_factory = session_factory
        self._incoming = incoming
        self._hold = hold
        self._lifetime_s = lifetime_s

    def store(self, offset: int, data: bytes | bytearray, kind: str | None, *, counts: bool, is_last: bool) -> None:
        """Write `data` at `offset`.

        Args:
            offset: where it belongs.
            data: may be empty.
            kind: of the archive, where it is known.
            counts: whether the bytes up to here count from now on.
            is_last: whether the client is about to be told; what is stored in between may be told again after a crash
                of the database.

        Raises:
            TakenOverError: another request holds the upload.
            NotFoundError: the upload is gone.
            UnavailableError: the storage is full or away.
        """
        with told_as_unavailable(), session_scope(self._session_factory) as session:
            limit_lock_wait(session)
            if not is_last:
                uploads.commit_lazily(session)
            self._check_held(session)
            if data:
                self._incoming.write(self._hold.upload_id, offset, data)
            if counts:
                uploads.record_stored(
                    session,
                    self._hold.upload_id,
                    n_stored=offset + len(data),
                    archive_kind=kind,
                    lifetime_s=self._lifetime_s,
                )

    def _check_held(self, session: Session) -> None:
        upload_id = self._hold.upload_id
        if uploads.lock_held(session, upload_id, self._hold.holder):
            return
        if uploads.lock_upload(session, upload_id) is None:
            raise NotFoundError(f"upload {upload_id} does not exist")
        raise TakenOverError(f"upload {upload_id}: another request has taken it over; ask for its offset and go on")


def limit_lock_wait(session: Session) -> None:
    """Do not wait for ever for a row that a frozen process has locked."""
    session.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
