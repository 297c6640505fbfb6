"""Fixtures of every test: real PostgreSQL and Redis, a database built by migrations, the service in this process.

Two ways to a database. `session` is rolled back, for repositories and services. `session_factory` really commits, for
whatever opens sessions of its own, such as the service behind `client`; all rows are deleted after the test.
"""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis
import structlog
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, delete, text
from sqlalchemy.orm import Session, sessionmaker

from app.auth.service import KeyContext, authenticate_key
from app.core.database import make_engine, make_session_factory, session_scope
from app.core.embedded import EmbeddedServers
from app.core.models import WorkerHeartbeat, Workspace
from app.core.settings import Settings
from app.core.storage import Storage, open_storage
from app.main import create_app
from migrations.upgrading import upgrade
from tests.factories import Committed, add_key, add_workspace
from tests.servers import servers

__all__ = ["servers"]

# Loggers that are not cached write to the standard output of the test that runs, and tracebacks stay short.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    cache_logger_on_first_use=False,
)

_TEMPLATE = "mispair_template"
_fresh_numbers = itertools.count()


@pytest.fixture(scope="session")
def template_database(servers: EmbeddedServers) -> str:
    """Name of a database that the migrations built, to copy from."""
    upgrade(servers.create_database(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture(scope="session")
def database_url(servers: EmbeddedServers, template_database: str) -> str:
    """The database that most tests share; each leaves it empty."""
    return servers.create_database("mispair_shared", template_database)


@pytest.fixture
def fresh_database_url(servers: EmbeddedServers, template_database: str) -> Iterator[str]:
    """A database of the test's own, for tests that end connections, change the schema or run processes."""
    name = f"mispair_fresh_{next(_fresh_numbers)}"
    yield servers.create_database(name, template_database)
    servers.drop_database(name)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url, application_name="mispair-tests")
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session that is rolled back; a commit inside it only ends a savepoint."""
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()


@pytest.fixture
def session_factory(engine: Engine) -> Iterator[sessionmaker[Session]]:
    """Sessions that commit. Afterwards every row is deleted: all of them belong to a workspace."""
    factory = make_session_factory(engine)
    yield factory
    with session_scope(factory) as session:
        session.execute(text("SET LOCAL lock_timeout = '5s'"))  # a test that left a transaction open fails here
        session.execute(delete(Workspace))
        session.execute(delete(WorkerHeartbeat))


@pytest.fixture
def committed(session_factory: sessionmaker[Session]) -> Committed:
    """`with committed() as session:` is one committed transaction."""
    return lambda: session_scope(session_factory)


@pytest.fixture
def broker(servers: EmbeddedServers) -> Iterator[redis.Redis]:
    """An empty broker; wake-ups are messages in the lists `cpu` and `gpu`."""
    with redis.Redis(unix_socket_path=unquote(urlsplit(servers.broker_url).path)) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def settings(servers: EmbeddedServers, database_url: str, tmp_path: Path) -> Settings:
    """Settings of a service whose files lie below `tmp_path` and whose sweeper keeps still."""
    return Settings(
        database_url=database_url,
        broker_url=servers.broker_url,
        storage_url=(tmp_path / "storage").as_uri(),
        data=tmp_path / "data",
        encoders={"offline": "offline", "toy": "toy"},
        sweep_s=3600,
    )


@pytest.fixture
def storage(settings: Settings) -> Storage:
    """The storage that the service of `settings` uses."""
    return open_storage(settings.storage_url, settings.data / "objects")


@pytest.fixture
def api_key(session_factory: sessionmaker[Session]) -> str:
    """A key of the workspace that `client` works in."""
    with session_scope(session_factory) as session:
        return add_key(session, add_workspace(session).id)


@pytest.fixture
def other_api_key(session_factory: sessionmaker[Session]) -> str:
    """A key of another workspace."""
    with session_scope(session_factory) as session:
        return add_key(session, add_workspace(session).id)


@pytest.fixture
def context(session_factory: sessionmaker[Session], api_key: str) -> KeyContext:
    """Workspace and id of `api_key`."""
    with session_scope(session_factory) as session:
        return authenticate_key(session, api_key)


@pytest.fixture
def app(settings: Settings, session_factory: sessionmaker[Session]) -> FastAPI:  # noqa: ARG001 - it deletes the rows
    """The service, not started. What it commits is deleted after the test."""
    return create_app(settings)


@pytest.fixture
def anonymous_client(app: FastAPI) -> Iterator[TestClient]:
    """The running service without a key."""
    with TestClient(app) as client:
        yield client


@pytest.fixture
def client(anonymous_client: TestClient, api_key: str) -> TestClient:
    """The running service with a key."""
    return client_with_key(anonymous_client, api_key)


@pytest.fixture
def other_client(anonymous_client: TestClient, other_api_key: str) -> TestClient:
    """The same service with another workspace's key."""
    return client_with_key(anonymous_client, other_api_key)


def client_with_key(running: TestClient, key: str) -> TestClient:
    """Another client of a service that runs already, on the same event loop."""
    client = TestClient(running.app, headers={"Authorization": f"Bearer {key}"})
    client.portal = running.portal
    return client
