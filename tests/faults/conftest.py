"""Servers, a database and a storage that a test may break."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import make_engine, make_session_factory, session_scope
from app.core.embedded import EmbeddedServers
from app.core.queue import WakeUps
from app.core.settings import Settings
from app.core.storage import LocalStorage
from migrations.upgrading import upgrade
from tests.factories import Committed
from tests.faults.worker_process import WorkerProcess
from tests.servers import running_test_servers
from tests.worker.jobs import QueuedImport, coloured_corpus, queue_import
from worker.context import WorkerContext
from worker.tasks.import_corpus import import_corpus

StartWorker = Callable[[str], WorkerProcess]


@pytest.fixture(scope="session")
def breakable_servers() -> Iterator[EmbeddedServers]:
    """Servers of these tests alone."""
    yield from running_test_servers()


@pytest.fixture
def fault_settings(breakable_servers: EmbeddedServers, tmp_path: Path) -> Iterator[Settings]:
    """Settings of all processes of one test: leases of seconds, and a database of its own."""
    name = f"faults_{abs(hash(tmp_path))}"
    url = breakable_servers.create_database(name)
    upgrade(url)
    yield Settings(
        database_url=url,
        broker_url=breakable_servers.broker_url,
        storage_url=(tmp_path / "storage").as_uri(),
        data=tmp_path / "data",
        encoders={"toy": "toy"},
        default_encoder="toy",
        device="cpu",
        threads=1,
        lease_s=2,
        heartbeat_s=0.3,
        sweep_s=0.3,
    )
    breakable_servers.drop_database(name)


@pytest.fixture
def fault_sessions(fault_settings: Settings) -> Iterator[sessionmaker[Session]]:
    engine = make_engine(fault_settings.database_url)
    yield make_session_factory(engine)
    engine.dispose()


@pytest.fixture
def committing(fault_sessions: sessionmaker[Session]) -> Committed:
    """`with committing() as session:` is one committed transaction."""
    return lambda: session_scope(fault_sessions)


@pytest.fixture
def wake_ups(fault_settings: Settings) -> Iterator[WakeUps]:
    wake_ups = WakeUps(fault_settings.broker_url)
    yield wake_ups
    wake_ups.close()


@pytest.fixture
def ready_corpus(fault_settings: Settings, committing: Committed, tmp_path: Path) -> QueuedImport:
    """A corpus that is imported, 24 images with two captions each."""
    storage = LocalStorage(tmp_path / "storage")
    queued = queue_import(committing, storage, coloured_corpus(tmp_path / "corpus.zip"))
    context = WorkerContext(fault_settings)
    import_corpus(context, queued.job_id)
    context.engine.dispose()
    return queued


@pytest.fixture
def start_worker(fault_settings: Settings, tmp_path: Path) -> Iterator[StartWorker]:
    """`start_worker(name)` starts a worker process; all of them end with the test."""
    env = {
        f"MISPAIR_{name.upper()}": str(getattr(fault_settings, name))
        for name in ("database_url", "broker_url", "storage_url", "data", "default_encoder", "device", "threads")
    }
    periods = {
        f"MISPAIR_{name.upper()}": str(getattr(fault_settings, name)) for name in ("lease_s", "heartbeat_s", "sweep_s")
    }
    started: list[WorkerProcess] = []

    def start(name: str) -> WorkerProcess:
        started.append(WorkerProcess(name, env | periods | {"MISPAIR_ENCODERS": '{"toy": "toy"}'}, tmp_path))
        started[-1].await_ready()
        return started[-1]

    yield start
    for worker in started:
        worker.end()


@pytest.fixture
def kill_redis(breakable_servers: EmbeddedServers) -> Callable[[], None]:
    """Kill the broker and delete all that it had written."""

    def kill() -> None:
        server = breakable_servers.redis
        assert server is not None
        assert server.child is not None
        server.child.send(signal.SIGKILL)
        server.child.kill()
        shutil.rmtree(breakable_servers.lock().redis)
        breakable_servers.lock().redis.mkdir(mode=0o700)

    return kill
