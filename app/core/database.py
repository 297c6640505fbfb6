"""Engine and unit of work. Only the edge commits; inside, code flushes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session, sessionmaker


def make_engine(
    database_url: str,
    *,
    pool_size: int = 10,
    application_name: str = "mispair",
    idle_in_transaction_s: float | None = None,
) -> Engine:
    """Create the engine. `pool_pre_ping` replaces connections that a PostgreSQL restart closed. Times come in UTC.

    Args:
        database_url: `postgresql+psycopg://...`.
        pool_size: connections kept.
        application_name: what the server's own views call them.
        idle_in_transaction_s: the server ends a connection that stays silent within a transaction for this long, and
            with it the locks that a frozen process would hold for ever. None: never, as a slow download needs it.
    """
    engine = create_engine(
        database_url,
        pool_pre_ping=True,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=10,
        pool_recycle=1800,
        connect_args={"connect_timeout": 5, "application_name": application_name},
    )
    event.listen(engine, "connect", _use_utc)
    if idle_in_transaction_s is not None:
        event.listen(engine, "connect", _limit_idle_transactions(round(idle_in_transaction_s * 1000)))
    return engine


def make_session_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions keep attributes after commit, so that a response can be built from committed objects."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def session_scope(factory: sessionmaker[Session]) -> Iterator[Session]:
    """One transaction: commits on success, rolls back on any error."""
    with factory() as session, session.begin():
        yield session


def _use_utc(connection: DBAPIConnection, _record: object) -> None:
    """Whatever the server's time zone is; a statement, because poolers refuse it among the connection's options."""
    _set(connection, "SET TIME ZONE 'UTC'")


def _limit_idle_transactions(limit_ms: int) -> Callable[[DBAPIConnection, object], None]:
    def limit(connection: DBAPIConnection, _record: object) -> None:
        _set(connection, f"SET idle_in_transaction_session_timeout = {limit_ms}")

    return limit


def _set(connection: DBAPIConnection, statement: str) -> None:
    cursor = connection.cursor()
    cursor.execute(statement)
    cursor.close()
    connection.commit()
