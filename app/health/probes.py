"""Questions to what the service depends on. Each blocks, raises when the answer is bad, and words a good one."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from alembic.script import ScriptDirectory
from kombu import Connection
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.orm import Session

from app.core.repositories.workers import count_workers
from app.core.settings import Settings
from app.core.storage import Storage
from migrations.upgrading import alembic_config

_LIBPQ_LEAST_TIMEOUT_S = 2  # libpq takes no less; the caller stops waiting before


class DegradedError(Exception):
    """A component answers, and what it says is bad. The message is safe to show to anyone."""


class Probes:
    """One method a component. They use connections of their own, so that a busy service does not look dead.

    Args:
        settings: where the components are.
        storage: the storage of the service.
        timeout_s: how long a component may take.
    """

    def __init__(self, settings: Settings, storage: Storage, *, timeout_s: float) -> None:
        self._settings = settings
        self._storage = storage
        self._timeout_s = timeout_s
        self._engine = _probe_engine(settings.database_url)
        self._newest_revision = newest_revision()

    def database(self) -> str:
        """Whether PostgreSQL answers a query."""
        with self._session() as session:
            session.execute(text("SELECT 1"))
        return "answers"

    def migrations(self) -> str:
        """Whether the schema is the one that this code was written for."""
        with self._session() as session:
            revision = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        if revision != self._newest_revision:
            raise DegradedError(f"the schema is at {revision}, expected {self._newest_revision}")
        return f"at {revision}"

    def storage(self) -> str:
        """Whether the storage can be written."""
        self._storage.check()
        return "can be written"

    def broker(self) -> str:
        """Whether Redis answers; without it, work starts with the next sweep of a worker."""
        options = {"socket_timeout": self._timeout_s, "socket_connect_timeout": self._timeout_s}
        with Connection(self._settings.broker_url, transport_options=options) as connection:
            # The transport's own method, because `Connection.connect` tries again for seconds. It makes a channel,
            # and a new channel pings.
            transport = connection.transport
            transport.close_connection(transport.establish_connection())
        return "answers"

    def workers(self) -> str:
        """Whether any worker was seen lately."""
        with self._session() as session:
            n_workers = count_workers(session, self._settings.worker_seen_s)
        if n_workers == 0:
            raise DegradedError(f"no worker was seen within {self._settings.worker_seen_s:g} s; jobs wait")
        return f"{n_workers} seen within {self._settings.worker_seen_s:g} s"

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._engine) as session:
            session.execute(text(f"SET LOCAL statement_timeout = {int(self._timeout_s * 1000)}"))
            yield session


@lru_cache(maxsize=1)
def newest_revision() -> str | None:
    """The revision that the migrations of this installation end at."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def _probe_engine(database_url: str) -> Engine:
    return create_engine(
        database_url,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": _LIBPQ_LEAST_TIMEOUT_S,
            "application_name": "mispair-health",
        },
    )
