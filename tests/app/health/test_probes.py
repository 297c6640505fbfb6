from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from app.core.embedded import EmbeddedServers
from app.core.models import WorkerHeartbeat
from app.core.settings import Settings
from app.core.storage import LocalStorage, StorageError
from app.health.probes import DegradedError, Probes, newest_revision
from tests.factories import Committed


def _probes(settings: Settings, storage: LocalStorage) -> Probes:
    return Probes(settings, storage, timeout_s=1)


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


@pytest.fixture
def probes(settings: Settings, local: LocalStorage) -> Probes:
    return _probes(settings, local)


@pytest.fixture
def probes_of_nothing(settings: Settings, local: LocalStorage) -> Probes:
    nowhere = {
        "database_url": "postgresql+psycopg://x@/x?host=/nowhere",
        "broker_url": "redis+socket:///nowhere/redis.sock?virtual_host=0",
    }
    return _probes(settings.model_copy(update=nowhere), local)


class TestDatabase:
    def test_one_that_answers_is_well(self, probes: Probes) -> None:
        assert probes.database() == "answers"

    def test_one_that_is_away_is_told(self, probes_of_nothing: Probes) -> None:
        with pytest.raises(OperationalError):
            probes_of_nothing.database()


class TestMigrations:
    @pytest.fixture
    def engine(self, fresh_database_url: str) -> Engine:
        return create_engine(fresh_database_url)

    @pytest.fixture
    def probes(self, settings: Settings, local: LocalStorage, fresh_database_url: str) -> Probes:
        return _probes(settings.model_copy(update={"database_url": fresh_database_url}), local)

    def test_the_newest_schema_is_well(self, probes: Probes) -> None:
        assert probes.migrations() == f"at {newest_revision()}"

    def test_another_schema_is_told(self, probes: Probes, engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
        engine.dispose()
        with pytest.raises(DegradedError, match="at older, expected"):
            probes.migrations()

    def test_an_empty_database_is_told(self, settings: Settings, local: LocalStorage, servers: EmbeddedServers) -> None:
        url = servers.create_database("mispair_unmigrated")
        with pytest.raises(ProgrammingError):
            _probes(settings.model_copy(update={"database_url": url}), local).migrations()
        servers.drop_database("mispair_unmigrated")


class TestStorage:
    def test_one_that_can_be_written_is_well(self, probes: Probes) -> None:
        assert probes.storage() == "can be written"

    def test_one_that_is_gone_is_told(self, probes: Probes, tmp_path: Path) -> None:
        (tmp_path / "storage").rename(tmp_path / "elsewhere")
        with pytest.raises(StorageError):
            probes.storage()


class TestBroker:
    def test_one_that_answers_is_well(self, probes: Probes) -> None:
        assert probes.broker() == "answers"

    def test_one_that_is_away_is_told(self, probes_of_nothing: Probes) -> None:
        with pytest.raises(Exception, match="No such file"):
            probes_of_nothing.broker()


class TestWorkers:
    def test_without_any_it_is_told(self, probes: Probes) -> None:
        with pytest.raises(DegradedError, match="no worker was seen within 30 s"):
            probes.workers()

    def test_one_that_was_seen_lately_is_well(self, probes: Probes, committed: Committed) -> None:
        with committed() as session:
            session.add(WorkerHeartbeat(id="host:1", queues="cpu,gpu"))
        assert probes.workers() == "1 seen within 30 s"

    def test_one_that_was_not_seen_for_long_does_not_count(self, probes: Probes, committed: Committed) -> None:
        with committed() as session:
            seen_at = datetime.now(UTC) - timedelta(seconds=31)
            session.add(WorkerHeartbeat(id="host:1", queues="cpu", seen_at=seen_at))
        with pytest.raises(DegradedError):
            probes.workers()
