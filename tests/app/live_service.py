"""The service as processes of its own on loopback, which share one database and one storage and may be killed."""

import http
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from app.auth.service import ensure_first_key
from app.core.database import make_engine, make_session_factory, session_scope
from app.core.embedded import EmbeddedServers, guarded_command


@dataclass(frozen=True)
class Deployment:
    """What the processes share.

    Attributes:
        environment: settings of every process.
        key: of the first workspace.
        storage: its folder.
        folder: for logs.
    """

    environment: Mapping[str, str]
    key: str
    storage: Path
    folder: Path

    def files(self) -> list[str]:
        """Every file in the storage."""
        return sorted(str(path.relative_to(self.storage)) for path in self.storage.rglob("*") if path.is_file())


class ApiProcess:
    """One API process on a port that it keeps when it is started again."""

    def __init__(self, deployment: Deployment, extra: Mapping[str, str] | None = None) -> None:
        self._deployment = deployment
        self._extra = dict(extra or {})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = deployment.folder / f"api-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "uvicorn", "app.main:create_app", "--factory", "--port", str(self.port)]
        command += ["--timeout-graceful-shutdown", "1"]  # half-open connections would else hold it
        environment = {**os.environ, **self._deployment.environment, **self._extra}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                guarded_command(command, signal.SIGKILL), env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        await_that(self.is_alive, 30)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        """End it as an operator would."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def is_alive(self) -> bool:
        """Whether it answers."""
        try:
            return httpx2.get(f"{self.url}/livez", timeout=2).status_code == http.HTTPStatus.OK
        except httpx2.TransportError:
            return False

    def client(self) -> httpx2.Client:
        """A client with the key, that takes no proxy for loopback."""
        headers = {"Authorization": f"Bearer {self._deployment.key}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def rss_bytes(self) -> int:
        """Memory that it occupies now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def deployed(
    servers: EmbeddedServers, template: str, folder: Path, name: str, extra: Mapping[str, str] | None = None
) -> Iterator[Deployment]:
    """A database and a storage for processes of the service."""
    database_url = servers.create_database(name, template)
    engine = make_engine(database_url)
    with session_scope(make_session_factory(engine)) as session:
        key = ensure_first_key(session)
    engine.dispose()
    assert key is not None
    environment = {
        "MISPAIR_DATABASE_URL": database_url,
        "MISPAIR_BROKER_URL": servers.broker_url,
        "MISPAIR_STORAGE_URL": (folder / "storage").as_uri(),
        "MISPAIR_DATA": str(folder / "data"),
        "MISPAIR_SWEEP_S": "3600",
        **(extra or {}),
    }
    yield Deployment(environment, key, folder / "storage", folder)
    servers.drop_database(name)


def await_that(is_so: Callable[[], bool], timeout_s: float) -> None:
    """Wait until it comes about."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
