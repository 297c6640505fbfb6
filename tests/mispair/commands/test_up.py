import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.embedded import PortTakenError, ReadyInfo, StackEvent, StackEventKind, StackOptions
from mispair.client_file import ServerAddress
from mispair.commands import server_key
from tests.mispair.commands.running import CommandLine
from tests.mispair.fake_server import KEY


class FakeStack:
    """Stands in for the supervisor: ready at once, stops as soon as the report is there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.options: StackOptions | None = None
        self.thread: threading.Thread | None = None

    def __call__(
        self,
        options: StackOptions,
        on_ready: Callable[[ReadyInfo], None],
        *,
        on_event: Callable[[StackEvent], None],
    ) -> int:
        self.options = options
        self.thread = threading.current_thread()
        options.data.mkdir(exist_ok=True)
        on_event(StackEvent(StackEventKind.STARTING, "starting PostgreSQL"))
        on_ready(ReadyInfo(self._url, options.data, "postgresql://", {}, {}, 1.0))
        for thread in threading.enumerate():
            if thread.name == "first-report":
                thread.join(20)
        on_event(StackEvent(StackEventKind.STOPPING, "stopping"))
        return 0


@pytest.fixture
def stack(served: str, monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    stack = FakeStack(served)
    monkeypatch.setattr("app.core.embedded.run_stack", stack)
    monkeypatch.setattr(server_key, "ensure_client_file", lambda ready: ServerAddress(ready.url, KEY))
    return stack


class TestUp:
    @pytest.mark.usefixtures("stack")
    def test_ready_then_report_on_stdout(
        self, mispair: CommandLine, archive: Path, served: str, tmp_path: Path
    ) -> None:
        ended = mispair("up", "--data", "data", "--corpus", archive, "--no-tty")
        lines = ended.out.splitlines()
        assert ended.code == 0
        assert lines[0] == f"READY url={served}"
        assert lines[-1].startswith(f"REPORT url={served}/v1/runs/run-1/report csv={tmp_path}/data/reports/")
        assert "starting PostgreSQL" in ended.err

    def test_options_reach_the_stack(self, mispair: CommandLine, stack: FakeStack, tmp_path: Path) -> None:
        mispair("up", "--data", "data", "--port", 0, "--host", "0.0.0.0", "--workers", 3, "--no-demo")  # noqa: S104 - not bound
        assert stack.options is not None
        assert (stack.options.data, stack.options.port) == (tmp_path / "data", 0)
        assert (stack.options.host, stack.options.n_worker_slots) == ("0.0.0.0", 3)  # noqa: S104 - not bound
        assert stack.options.extra_env == {}

    def test_the_supervisor_keeps_the_main_thread(self, mispair: CommandLine, stack: FakeStack) -> None:
        mispair("up", "--no-demo")
        assert stack.thread is threading.main_thread()

    def test_a_local_server_answers_to_its_own_names_only(
        self, mispair: CommandLine, stack: FakeStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MISPAIR_ALLOWED_HOSTS", raising=False)
        mispair("up", "--no-demo")
        assert stack.options is not None
        assert stack.options.extra_env == {"MISPAIR_ALLOWED_HOSTS": '["127.0.0.1", "localhost", "[::1]"]'}

    def test_what_is_in_the_way_is_told_in_words(self, mispair: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> int:
            raise PortTakenError("port 8000 on 127.0.0.1 is taken by another program")

        monkeypatch.setattr("app.core.embedded.run_stack", refuse)
        ended = mispair("up")
        assert ended.code == 6
        assert ended.err.strip() == "mispair: port 8000 on 127.0.0.1 is taken by another program"

    def test_a_missing_archive_is_told_before_anything_starts(self, mispair: CommandLine, stack: FakeStack) -> None:
        assert mispair("up", "--corpus", "nowhere.zip").code == 2
        assert stack.options is None
