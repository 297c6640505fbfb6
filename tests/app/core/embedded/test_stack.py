"""The supervisor with real servers and stand-ins for the rest. One data folder, so that most starts are warm."""

import os
import signal
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.embedded import (
    AlreadyRunningError,
    ChildFailedError,
    EmbeddedServers,
    PortTakenError,
    ReadyInfo,
    StackEvent,
    StackOptions,
    WorkerCommand,
    run_stack,
)
from app.core.embedded.locks import lock_holders
from app.core.embedded.readiness import probe
from tests.app.core.embedded.stand_ins import python, stand_in_options


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack") / "da ta"


class _Run:
    """Runs a stack that is asked to stop as soon as it is ready."""

    def __init__(self, options: StackOptions) -> None:
        self.events: list[str] = []
        self.ready: list[ReadyInfo] = []
        self._stop = threading.Event()
        self.exit_code = run_stack(options, self._on_ready, on_event=self._on_event, stop_event=self._stop)

    def _on_ready(self, info: ReadyInfo) -> None:
        self.ready.append(info)
        self._stop.set()

    def _on_event(self, event: StackEvent) -> None:
        self.events.append(event.detail)


def _never_ready(_info: ReadyInfo) -> None:
    pytest.fail("a stack that cannot start became ready")


class TestRunStack:
    def test_it_tells_where_it_serves_and_what_runs(self, data: Path) -> None:
        run = _Run(stand_in_options(data))
        (info,) = run.ready
        assert run.exit_code == 0
        assert info.url.startswith("http://127.0.0.1:")
        assert list(info.pids) == ["redis", "postgres", "worker", "api"]
        assert info.data == data

    def test_events_go_from_start_to_stop(self, data: Path) -> None:
        run = _Run(stand_in_options(data))
        assert run.events[0].startswith("starting PostgreSQL")
        assert run.events[-2:] == ["stopping", "stopped"]

    def test_nothing_is_left_running_and_the_port_is_free(self, data: Path) -> None:
        (info,) = _Run(stand_in_options(data)).ready
        assert lock_holders(data / "children.lock") == []
        assert probe("127.0.0.1", int(info.url.rpartition(":")[2]), "/readyz")[0] is None

    def test_the_migration_finds_the_database_by_its_environment(self, data: Path) -> None:
        migrate = python(
            "import os, psycopg\n"
            "url = os.environ['MISPAIR_DATABASE_URL'].replace('+psycopg', '')\n"
            "with psycopg.connect(url) as c:\n"
            "    c.execute('CREATE TABLE IF NOT EXISTS migrated ()')"
        )
        assert _Run(stand_in_options(data, migration=migrate)).exit_code == 0

    def test_children_hold_the_lock_and_work_in_the_data_folder(self, data: Path) -> None:
        report = python(
            "import os, sys\n"
            "fd = os.readlink('/proc/self/fd/' + os.environ['MISPAIR_LOCK_FD'])\n"
            "print(fd, os.getcwd(), os.environ['TMPDIR'], sep='|')"
        )
        _Run(stand_in_options(data, migration=report))
        assert (data / "logs" / "migrate.log").read_text().splitlines()[-1] == f"{data}/children.lock|{data}|{data}/tmp"

    def test_a_process_that_escaped_its_parent_is_swept_up(self, data: Path) -> None:
        # The migration ends before the rest starts, so the process that it leaves surely exists by then.
        leave = python(
            "import os, subprocess, sys\n"
            "fd = int(os.environ['MISPAIR_LOCK_FD'])\n"
            "code = 'import time; time.sleep(600)'\n"
            "subprocess.Popen([sys.executable, '-c', code], pass_fds=(fd,), start_new_session=True)"
        )
        run = _Run(stand_in_options(data, migration=leave))
        assert run.events[-1] == "stopped; ended 1 leftover process(es)"
        assert lock_holders(data / "children.lock") == []

    def test_a_signal_before_it_is_ready_stops_it_quietly(self, data: Path) -> None:
        def interrupt(event: StackEvent) -> None:
            if event.detail.startswith("migrating"):
                os.kill(os.getpid(), signal.SIGTERM)

        assert run_stack(stand_in_options(data), _never_ready, on_event=interrupt) == 0
        assert lock_holders(data / "children.lock") == []

    def test_handlers_are_given_back(self, data: Path) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        _Run(stand_in_options(data))
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


class TestWhatIsInTheWay:
    def test_a_folder_in_use_is_refused_and_left_alone(self, data: Path) -> None:
        with EmbeddedServers(data) as servers:
            servers.start(durable=False)
            with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"):
                run_stack(stand_in_options(data), _never_ready)
            assert servers.create_database("still there")
            servers.drop_database("still there")

    def test_a_taken_port_is_refused_before_anything_starts(self, data: Path) -> None:
        events: list[str] = []
        with socket.create_server(("127.0.0.1", 0)) as taken:
            options = stand_in_options(data, port=taken.getsockname()[1])
            with pytest.raises(PortTakenError, match="is taken"):
                run_stack(options, _never_ready, on_event=lambda event: events.append(event.detail))
        assert not any(event.startswith("starting") for event in events)

    def test_a_migration_that_fails_is_quoted(self, data: Path) -> None:
        broken = python("raise SystemExit('column is missing')")
        with pytest.raises(ChildFailedError, match=r"(?s)migrate ended with status 1.*column is missing"):
            run_stack(stand_in_options(data, migration=broken), _never_ready)
        assert lock_holders(data / "children.lock") == []

    def test_a_migration_that_hangs_is_ended(self, data: Path) -> None:
        options = replace(
            stand_in_options(data, migration=python("import time; time.sleep(600)")), migration_timeout_s=0.1
        )
        with pytest.raises(ChildFailedError, match=r"migrate did not end within 0\.1 s"):
            run_stack(options, _never_ready)

    def test_a_worker_that_always_ends_is_quoted(self, data: Path) -> None:
        broken = WorkerCommand("worker", python("raise SystemExit('no module named worker')"))
        options = stand_in_options(data, worker=broken, api_status=503)
        with pytest.raises(ChildFailedError, match=r"(?s)worker ended 3 times while starting.*no module named worker"):
            run_stack(options, _never_ready)

    def test_an_api_that_is_never_ready_is_quoted(self, data: Path) -> None:
        with pytest.raises(ChildFailedError, match=r"api is not ready after 0.5 s: /readyz answers '503 stand-in'"):
            run_stack(stand_in_options(data, api_status=503, ready_timeout_s=0.5), _never_ready)
