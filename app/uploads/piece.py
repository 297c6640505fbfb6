"""One request that brings bytes of an upload, from the row to the answer."""

import uuid
from functools import partial

from app.core.database import session_scope
from app.core.errors import UnsupportedTypeError
from app.core.models import Upload
from app.corpora.service import HEAD_BYTES
from app.resources import Resources
from app.uploads import service
from app.uploads.body import Body
from app.uploads.finishing import Finisher
from app.uploads.receiving import PieceReceiver
from app.uploads.storing import Hold, Steps
from app.uploads.tus_headers import Checksum


class Piece:
    """Takes bodies into uploads. No connection to the database is held while bytes come, which may take hours."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._shared = resources.uploads
        self._incoming = resources.storage.incoming()
        self._finisher = Finisher(resources)

    async def append(
        self,
        workspace_id: uuid.UUID,
        upload_id: uuid.UUID,
        body: Body,
        *,
        offset: int,
        n_declared: int | None,
        checksum: Checksum | None,
    ) -> Upload:
        """Take the upload over and store a body from `offset` on. Answers how the upload stands then."""
        hold = await self._shared.with_rows(
            partial(self._take, workspace_id, upload_id, offset=offset, n_declared=n_declared)
        )
        return await self.receive(hold, body, checksum)

    async def receive(self, hold: Hold, body: Body, checksum: Checksum | None) -> Upload:
        """Store a body of an upload that this request holds already."""
        sha256 = None
        if hold.n_stored < hold.n_bytes:
            receiver = await self._receiver(hold, checksum)
            try:
                sha256 = await receiver.receive(body)
            except UnsupportedTypeError:
                remove = partial(self._finisher.remove, hold.workspace_id, hold.upload_id, holder=hold.holder)
                await self._shared.with_rows(remove)
                raise
        return await self._settled(hold.workspace_id, hold.upload_id, sha256)

    async def look(self, workspace_id: uuid.UUID, upload_id: uuid.UUID) -> Upload:
        """How an upload stands. Whoever still sends bytes of it loses it: the client that asks does not know."""
        upload = await self._shared.with_rows(partial(self._take_to_look, workspace_id, upload_id))
        return await self._settled(workspace_id, upload.id, None)

    async def _settled(self, workspace_id: uuid.UUID, upload_id: uuid.UUID, sha256: bytes | None) -> Upload:
        """The upload, finished if all its bytes have come: a client that finds them stored never comes again."""
        upload = await self._shared.with_rows(partial(self._get, workspace_id, upload_id))
        if upload.n_stored < upload.n_bytes or upload.finished_at is not None:
            return upload
        await self._shared.end(upload_id, partial(self._finisher.finish, upload_id, sha256))
        return await self._shared.with_rows(partial(self._get, workspace_id, upload_id))

    async def _receiver(self, hold: Hold, checksum: Checksum | None) -> PieceReceiver:
        settings = self._resources.settings
        is_head_known = hold.archive_kind is not None or hold.n_stored == 0
        head = b"" if is_head_known else await self._shared.in_step(partial(self._head, hold))
        steps = Steps(self._resources.session_factory, self._incoming, hold, lifetime_s=settings.upload_expiry_s)
        return PieceReceiver(self._shared, hold, steps, head=head, checksum=checksum, idle_s=settings.upload_idle_s)

    def _head(self, hold: Hold) -> bytes:
        return b"".join(self._incoming.read(hold.upload_id, min(HEAD_BYTES, hold.n_stored)))

    def _take(self, workspace_id: uuid.UUID, upload_id: uuid.UUID, *, offset: int, n_declared: int | None) -> Hold:
        with session_scope(self._resources.session_factory) as session:
            return service.take_over_to_write(session, workspace_id, upload_id, offset=offset, n_declared=n_declared)

    def _take_to_look(self, workspace_id: uuid.UUID, upload_id: uuid.UUID) -> Upload:
        with session_scope(self._resources.session_factory) as session:
            return service.take_over_to_look(session, workspace_id, upload_id)

    def _get(self, workspace_id: uuid.UUID, upload_id: uuid.UUID) -> Upload:
        with session_scope(self._resources.session_factory) as session:
            return service.get_upload(session, workspace_id, upload_id)
