"""What happens when real processes of a real stack are killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest

from app.core.embedded.locks import lock_holders
from app.core.embedded.readiness import free_port, probe
from app.core.embedded.waiting import wait_until

pytestmark = pytest.mark.system

_REPOSITORY = Path(__file__).resolve().parents[4]
_PATIENCE_S = 20  # all of it takes well below a second; the bound is for a machine that is busy with other tests
_MODULE = (sys.executable, "-m", "tests.app.core.embedded.live_stack")


class _Live:
    """A stack in another process."""

    def __init__(self, data: Path, *, port: int = 0, prefix: tuple[str, ...] = ()) -> None:
        self.data = data
        self.events: list[str] = []
        self.process = subprocess.Popen(
            [*prefix, *_MODULE, str(data), str(port)],
            cwd=_REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_ready(self) -> None:
        """Read its output up to the line that says it is ready."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                ready = json.loads(line)
                self.port = int(ready["url"].rpartition(":")[2])
                self.pids: Mapping[str, int] = ready["pids"]
                self.database = ready["database_url"].replace("+psycopg", "")
                return
            self.events.append(line.strip())
        pytest.fail("\n".join(self.events))

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def is_ready(self) -> bool:
        return probe("127.0.0.1", self.port, "/readyz")[0] == 200

    def can_query(self) -> bool:
        try:
            return self.execute("SELECT 1") == [(1,)]
        except psycopg.Error:
            return False

    def next_line(self, pattern: str) -> str:
        """Read its output up to a line that matches."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if re.search(pattern, line):
                return line.strip()
        pytest.fail(f"the stack ended without a line like {pattern!r}")

    def kill(self) -> None:
        """Kill the supervisor and let go of its output."""
        with self.process:
            self.process.kill()

    def close(self) -> None:
        """Kill it and see that nothing is left."""
        self.kill()
        assert wait_until(lambda: lock_holders(self.data / "children.lock") == [], _PATIENCE_S)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kills") / "da ta"


@pytest.fixture
def hangup_by_default() -> Iterator[None]:
    """Under nohup this process ignores SIGHUP, and so would its children, rightly; the tests want the usual case."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def live(data: Path, hangup_by_default: None) -> Iterator[_Live]:  # noqa: ARG001 - it must come before the start
    stack = _Live(data)
    try:
        stack.wait_ready()
        yield stack
    finally:
        stack.close()


class TestKilledSupervisor:
    def test_all_children_die_with_it(self, live: _Live) -> None:
        live.kill()
        assert wait_until(lambda: lock_holders(live.data / "children.lock") == [], _PATIENCE_S)
        assert not live.is_ready()

    def test_an_instant_restart_serves_with_the_same_data(self, live: _Live) -> None:
        live.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        live.kill()
        again = _Live(live.data, port=live.port)
        try:
            again.wait_ready()
            assert again.execute("SELECT answer FROM kept") == [(42,)]
            again.execute("DROP TABLE kept")
            assert again.is_ready()
        finally:
            again.close()

    @pytest.mark.parametrize("delay_ms", [0, 150, 400, 700, 1000])
    def test_killed_at_any_moment_of_the_first_start_the_next_one_serves(self, tmp_path: Path, delay_ms: int) -> None:
        first = _Live(tmp_path / "data")
        time.sleep(delay_ms / 1000)
        first.kill()
        again = _Live(tmp_path / "data")
        try:
            again.wait_ready()
            assert again.can_query()
        finally:
            again.close()


class TestKilledChild:
    @pytest.mark.parametrize("name", ["redis", "postgres", "worker", "api"])
    def test_it_is_started_again(self, live: _Live, name: str) -> None:
        os.kill(live.pids[name], signal.SIGKILL)
        assert live.next_line(rf"^# {name} was ended by signal 9") is not None
        assert live.next_line(rf"^# {name} runs again") is not None
        assert wait_until(lambda: live.is_ready() and live.can_query(), _PATIENCE_S)

    def test_a_killed_backend_of_postgres_heals_by_itself(self, live: _Live) -> None:
        ((backend,),) = live.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
        assert isinstance(backend, int)
        os.kill(backend, signal.SIGKILL)
        assert wait_until(live.can_query, _PATIENCE_S)

    def test_two_servers_killed_at_once_both_come_back(self, live: _Live) -> None:
        live.execute("CREATE TABLE IF NOT EXISTS survivors (n int)")
        live.execute("INSERT INTO survivors VALUES (1)")
        for name in ("postgres", "redis"):
            os.kill(live.pids[name], signal.SIGKILL)
        seen = {live.next_line("runs again"), live.next_line("runs again")}
        assert seen == {"# postgres runs again", "# redis runs again"}
        assert wait_until(live.can_query, _PATIENCE_S)
        assert live.execute("SELECT n FROM survivors") == [(1,)]
        live.execute("DROP TABLE survivors")


class TestStopped:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_stops_everything_cleanly(self, live: _Live, number: signal.Signals) -> None:
        live.process.send_signal(number)
        assert live.process.wait(_PATIENCE_S) == 0
        assert lock_holders(live.data / "children.lock") == []
        assert "database system is shut down" in (live.data / "logs" / "postgres.log").read_text().splitlines()[-1]

    def test_ctrl_c_in_a_terminal_reaches_only_the_supervisor(self, data: Path) -> None:
        # The first process gives its command a terminal; what it reads itself is typed there.
        spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
        command = [sys.executable, "-c", spawn, *_MODULE, str(data), "0"]
        with subprocess.Popen(command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as typing:
            assert typing.stdin is not None
            assert typing.stdout is not None
            output = b""
            while b'{"url"' not in output:
                output += typing.stdout.readline()
            typing.stdin.write(b"\x03")
            typing.stdin.flush()
            output += typing.stdout.read()
        assert typing.returncode == 0
        assert b"^C" in output
        assert lock_holders(data / "children.lock") == []
        assert b"ended by signal" not in output

    def test_a_second_up_is_refused_and_names_the_first(self, live: _Live) -> None:
        second = subprocess.run(
            [*_MODULE, str(live.data), "0"],
            cwd=_REPOSITORY,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        assert second.returncode == 1
        assert f"(process {live.process.pid})" in second.stderr
        assert live.is_ready()

    def test_it_can_start_on_the_same_port_at_once(self, live: _Live) -> None:
        live.process.terminate()
        live.process.wait(_PATIENCE_S)
        assert free_port("127.0.0.1", live.port) == live.port


class TestOrdinaryUser:
    def test_it_runs_without_root_and_with_a_path_too_long_for_sockets(self) -> None:
        prefix: tuple[str, ...] = ()
        home = Path(f"/tmp/mispair-test-{os.getpid()}")
        home.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(home, 65534, 65534)
            # The capability is for an interpreter that lies in root's home; the user id is what PostgreSQL looks at.
            capability = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
            prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *capability, "--")
        stack = _Live(home / ("x" * 120) / "da ta", prefix=prefix)
        try:
            stack.wait_ready()
            assert stack.execute("SELECT current_user") == [("mispair",)]
            sockets = Path(unquote(stack.database.partition("host=")[2]))
            assert sockets.parent == Path("/tmp")
            stack.process.terminate()
            assert stack.process.wait(_PATIENCE_S) == 0
            assert not sockets.exists()
        finally:
            stack.close()
            shutil.rmtree(home)
