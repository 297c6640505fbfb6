"""The key with which this machine's command line reaches the server that `mispair up` starts."""

from sqlalchemy.orm import Session

from app.auth import service
from app.core.database import make_engine, make_session_factory, session_scope
from app.core.embedded import ReadyInfo
from app.core.errors import UnauthorizedError
from app.core.repositories import access
from mispair.client_file import FILE_NAME, ServerAddress, read_client_file, write_client_file
from mispair.errors import ConfigurationError

_KEY_NAME = "command line"


def ensure_client_file(ready: ReadyInfo) -> ServerAddress:
    """Keep `client.toml` true: the address of now, and a key that works.

    A key that is lost, revoked or of another database is replaced by a new one. The file is written after the commit:
    a crash in between leaves a key that nobody knows, and the next start makes another.
    """
    path = ready.data / FILE_NAME
    try:
        known = read_client_file(path)
    except ConfigurationError:
        known = None
    engine = make_engine(ready.database_url, pool_size=1, application_name="mispair-up")
    try:
        with session_scope(make_session_factory(engine)) as session:
            key = service.ensure_first_key(session) or _working_key(session, known) or _further_key(session)
    finally:
        engine.dispose()
    address = ServerAddress(ready.url, key)
    if address != known:
        write_client_file(path, address)
    return address


def _working_key(session: Session, known: ServerAddress | None) -> str | None:
    if known is None:
        return None
    try:
        service.authenticate_key(session, known.key)
    except UnauthorizedError:
        return None
    return known.key


def _further_key(session: Session) -> str:
    workspace = access.ensure_workspace(session, service.DEFAULT_WORKSPACE)
    _, text = service.create_key(session, workspace.id, name=_KEY_NAME)
    return text.reveal()
