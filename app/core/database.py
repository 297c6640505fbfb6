"""Engine and unit of work. Only the edge commits; inside, code flushes."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session, sessionmaker


def make_engine(database_url: str, *, pool_size: int = 10, application_name: str = "mispair") -> Engine:
    """Create the engine. `pool_pre_ping` replaces connections that a PostgreSQL restart closed. Times come in UTC."""
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
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'")
    cursor.close()
    connection.commit()
