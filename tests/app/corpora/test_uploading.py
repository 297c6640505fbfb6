"""Uploads to the service as a process of its own, over a real socket."""

import http
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from app.auth.service import ensure_first_key
from app.core.database import make_engine, make_session_factory, session_scope
from app.core.embedded import EmbeddedServers, guarded_command
from app.core.settings import MIB
from tests.app.corpora.archives import zip_bytes

ZIP = zip_bytes()
CHUNK = bytes(64 * 1024)


@dataclass(frozen=True)
class Service:
    """A running service: its process, socket, key and storage folder."""

    pid: int
    socket_path: str
    key: str
    storage: Path

    def client(self) -> httpx2.Client:
        transport = httpx2.HTTPTransport(uds=self.socket_path)
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx2.Client(transport=transport, base_url="http://mispair.test", headers=headers, timeout=30)

    def create_corpus(self) -> str:
        with self.client() as client:
            corpus_id: str = client.post("/v1/corpora", json={"name": "birds"}).json()["id"]
        return corpus_id

    def state_of(self, corpus_id: str) -> str:
        with self.client() as client:
            state: str = client.get(f"/v1/corpora/{corpus_id}").json()["state"]
        return state

    def begin_put(self, corpus_id: str, n_bytes: int) -> socket.socket:
        """A connection on which the head of a PUT was sent and its body is still to come."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        connection.connect(self.socket_path)
        head = f"PUT /v1/corpora/{corpus_id}/archive HTTP/1.1\r\nHost: mispair.test\r\n"
        head += f"Authorization: Bearer {self.key}\r\nContent-Length: {n_bytes}\r\n\r\n"
        connection.sendall(head.encode())
        return connection

    def rss_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stored_files(self) -> list[str]:
        return sorted(str(path.relative_to(self.storage)) for path in self.storage.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def service(
    servers: EmbeddedServers, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    database_url = servers.create_database("mispair_uploads", template_database)
    key = _first_key(database_url)
    socket_path = folder / "api.sock"
    command = [sys.executable, "-m", "uvicorn", "app.main:create_app", "--factory", "--uds", str(socket_path)]
    environment = {
        **os.environ,
        "MISPAIR_DATABASE_URL": database_url,
        "MISPAIR_BROKER_URL": servers.broker_url,
        "MISPAIR_STORAGE_URL": (folder / "storage").as_uri(),
        "MISPAIR_DATA": str(folder / "data"),
        "MISPAIR_SWEEP_S": "3600",
    }
    log_path = folder / "api.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            guarded_command(command, signal.SIGKILL), env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(socket_path.exists, 30)
        service = Service(process.pid, str(socket_path), key, folder / "storage")
        _wait(lambda: _is_alive(service), 10)
        yield service
    finally:
        process.terminate()
        process.wait(10)
    assert "Traceback" not in log_path.read_text()
    servers.drop_database("mispair_uploads")


def _first_key(database_url: str) -> str:
    engine = make_engine(database_url)
    with session_scope(make_session_factory(engine)) as session:
        key = ensure_first_key(session)
    engine.dispose()
    assert key is not None
    return key


def _is_alive(service: Service) -> bool:
    try:
        with service.client() as client:
            return client.get("/livez").status_code == http.HTTPStatus.OK
    except httpx2.TransportError:
        return False


def _wait(is_so: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def _answer(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.readline()


def _body(n_bytes: int) -> Iterator[bytes]:
    yield ZIP
    for _ in range((n_bytes - len(ZIP)) // len(CHUNK)):
        yield CHUNK


class TestLargeUpload:
    def test_it_leaves_the_memory_flat(self, service: Service) -> None:
        self._put(service, MIB)  # what the first upload loads once
        before = service.rss_bytes()
        peaks: list[int] = []

        def body() -> Iterator[bytes]:
            for number, chunk in enumerate(_body(64 * MIB)):
                if number % 64 == 0:
                    peaks.append(service.rss_bytes())
                yield chunk

        with service.client() as client:
            answer = client.put(f"/v1/corpora/{service.create_corpus()}/archive", content=body())
        assert answer.status_code == http.HTTPStatus.ACCEPTED
        assert max(peaks) - before < 16 * MIB

    @pytest.mark.long
    def test_half_a_gibibyte_grows_it_by_less_than_64_mib(self, service: Service) -> None:
        before = service.rss_bytes()
        self._put(service, 512 * MIB)
        assert service.rss_bytes() - before < 64 * MIB

    def _put(self, service: Service, n_bytes: int) -> None:
        with service.client() as client:
            answer = client.put(f"/v1/corpora/{service.create_corpus()}/archive", content=_body(n_bytes))
        assert answer.status_code == http.HTTPStatus.ACCEPTED

    def test_other_requests_are_served_meanwhile(self, service: Service) -> None:
        corpus_id = service.create_corpus()
        with service.begin_put(corpus_id, 2 * MIB) as connection:
            connection.sendall(ZIP + bytes(MIB))
            assert service.state_of(corpus_id) == "uploading"
            connection.sendall(bytes(MIB - len(ZIP)))
            assert b"202" in _answer(connection)


class TestBrokenUpload:
    def test_the_corpus_still_waits_and_nothing_is_kept(self, service: Service) -> None:
        corpus_id = service.create_corpus()
        before = service.stored_files()
        with service.begin_put(corpus_id, 4 * MIB) as connection:
            connection.sendall(ZIP + bytes(2 * MIB))
            _wait(lambda: len(service.stored_files()) > len(before), 5)
        _wait(lambda: service.stored_files() == before, 5)
        assert service.state_of(corpus_id) == "uploading"

    def test_the_same_corpus_takes_the_next_try(self, service: Service) -> None:
        corpus_id = service.create_corpus()
        with service.begin_put(corpus_id, 4 * MIB) as connection:
            connection.sendall(ZIP)
        with service.client() as client:
            assert client.put(f"/v1/corpora/{corpus_id}/archive", content=ZIP).status_code == http.HTTPStatus.ACCEPTED


class TestEarlyRefusal:
    @pytest.mark.parametrize(
        ("n_bytes", "start", "status"),
        [(4 * MIB, b"\x89PNG\r\n\x1a\n" + bytes(300), b"415"), (2**40, b"", b"413"), (0, b"", b"422")],
        ids=["no archive", "too large", "empty"],
    )
    def test_it_comes_before_the_rest_of_the_body(
        self, service: Service, n_bytes: int, start: bytes, status: bytes
    ) -> None:
        with service.begin_put(service.create_corpus(), n_bytes) as connection:
            connection.sendall(start)
            assert status in _answer(connection)


class TestTwoUploadsAtOnce:
    def test_one_wins_and_what_is_stored_is_its_bytes(self, service: Service) -> None:
        corpus_id = service.create_corpus()
        bodies = [zip_bytes(n_members) for n_members in (1, 2, 3, 4)]

        def put(body: bytes) -> httpx2.Response:
            with service.client() as client:
                return client.put(f"/v1/corpora/{corpus_id}/archive", content=body)

        with ThreadPoolExecutor(len(bodies)) as pool:
            answers = list(pool.map(put, bodies))
        assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
        (winner,) = [body for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 202]
        assert (service.storage / "corpora" / corpus_id / "archive").read_bytes() == winner

    def test_the_first_to_end_wins_over_the_first_to_begin(self, service: Service) -> None:
        corpus_id = service.create_corpus()
        before = service.stored_files()
        with service.begin_put(corpus_id, 2 * MIB) as slow:
            slow.sendall(ZIP + bytes(2 * MIB - len(ZIP) - 1))
            _wait(lambda: len(service.stored_files()) > len(before), 5)
            with service.client() as client:
                assert client.put(f"/v1/corpora/{corpus_id}/archive", content=zip_bytes(2)).status_code == 202
            slow.sendall(b"0")
            assert b"409" in _answer(slow)
        assert (service.storage / "corpora" / corpus_id / "archive").read_bytes() == zip_bytes(2)
