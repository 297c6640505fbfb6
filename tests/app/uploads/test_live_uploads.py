"""Uploads to several processes of the service over real sockets: cuts, stalls, races."""

import hashlib
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from app.core.embedded import EmbeddedServers
from app.core.settings import MIB
from tests.app.corpora.archives import zip_bytes
from tests.app.live_service import ApiProcess, Deployment, await_that, deployed
from tests.app.uploads.tus import BODY_TYPE, VERSION, metadata

ZIP = zip_bytes()
BODY = ZIP + bytes(range(256)) * 16_384  # 4 MiB and a bit
QUOTA = 256 * MIB


@pytest.fixture(scope="module")
def deployment(
    servers: EmbeddedServers, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("uploads")
    with deployed(
        servers, template_database, folder, "mispair_tus", {"MISPAIR_MAX_WORKSPACE_BYTES": str(QUOTA)}
    ) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def apis(deployment: Deployment) -> Iterator[tuple[ApiProcess, ApiProcess]]:
    """Two processes; the second has little patience with silent clients."""
    first, second = ApiProcess(deployment), ApiProcess(deployment, {"MISPAIR_UPLOAD_IDLE_S": "0.5"})
    first.start()
    second.start()
    yield first, second
    first.stop()
    second.stop()
    assert "Traceback" not in first.log.read_text() + second.log.read_text()


@pytest.fixture
def client(apis: tuple[ApiProcess, ApiProcess]) -> Iterator[httpx2.Client]:
    """Of the first process. Every upload and corpus of a test goes at its end, and with them what they reserve."""
    with apis[0].client() as client:
        yield client
        for upload in client.get("/v1/uploads").json()["items"]:
            client.delete(f"/v1/uploads/{upload['id']}", headers=VERSION)


@pytest.fixture
def other(apis: tuple[ApiProcess, ApiProcess]) -> Iterator[httpx2.Client]:
    """Of the second process."""
    with apis[1].client() as client:
        yield client


def _create(client: httpx2.Client, n_bytes: int = len(BODY)) -> str:
    headers = {**VERSION, "Upload-Length": str(n_bytes), "Upload-Metadata": metadata(name="birds")}
    answer = client.post("/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    path: str = answer.headers["Location"]
    return path


def _offset(client: httpx2.Client, path: str) -> int:
    return int(client.head(path, headers=VERSION).headers["Upload-Offset"])


def _patch(client: httpx2.Client, path: str, data: bytes, offset: int) -> httpx2.Response:
    return client.patch(path, content=data, headers={**VERSION, **BODY_TYPE, "Upload-Offset": str(offset)})


def _sha256(client: httpx2.Client, answer: httpx2.Response) -> str:
    sha256: str = client.get(answer.headers["Mispair-Corpus"]).json()["archive"]["sha256"]
    return sha256


def _begin_patch(client: httpx2.Client, path: str, n_bytes: int, offset: int = 0) -> socket.socket:
    """A connection on which the head of a PATCH was sent and its body is still to come."""
    connection = socket.create_connection((client.base_url.host, client.base_url.port), timeout=10)
    head = f"PATCH {path} HTTP/1.1\r\nHost: mispair.test\r\nTus-Resumable: 1.0.0\r\n"
    head += f"Authorization: {client.headers['Authorization']}\r\nContent-Type: application/offset+octet-stream\r\n"
    connection.sendall(f"{head}Upload-Offset: {offset}\r\nContent-Length: {n_bytes}\r\n\r\n".encode())
    return connection


def _first_line(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as answer:
        return answer.readline()


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class TestCutUpload:
    @pytest.mark.parametrize("how", ["finish", "reset"])
    def test_what_came_is_kept_and_the_rest_makes_it_whole(self, client: httpx2.Client, how: str) -> None:
        path = _create(client)
        connection = _begin_patch(client, path, len(BODY))
        connection.sendall(BODY[:MIB])
        if how == "finish":
            connection.close()
        else:
            await_that(lambda: client.get(path).json()["offset"] > 0, 5)  # a reset drops what nobody has read
            _reset(connection)
        await_that(lambda: 0 < client.get(path).json()["offset"] <= MIB, 5)
        offset = _offset(client, path)
        answer = _patch(client, path, BODY[offset:], offset)
        assert answer.status_code == 204
        assert _sha256(client, answer) == hashlib.sha256(BODY).hexdigest()

    def test_a_trickle_is_stored_every_second(self, client: httpx2.Client) -> None:
        path = _create(client)
        with _begin_patch(client, path, len(BODY)) as connection:
            connection.sendall(BODY[:100])
            await_that(lambda: client.get(path).json()["offset"] == 100, 5)


class TestStalledUpload:
    def test_asking_another_process_evicts_it(self, client: httpx2.Client, other: httpx2.Client) -> None:
        path = _create(client)
        with _begin_patch(client, path, len(BODY)) as stalled:
            stalled.sendall(BODY[:MIB])
            await_that(lambda: client.get(path).json()["offset"] == MIB, 5)
            assert _offset(other, path) == MIB
            answer = _patch(other, path, BODY[MIB:], MIB)
            stalled.sendall(b"x" * 100)  # the half-open connection wakes up
            assert b"423" in _first_line(stalled)
        assert _sha256(client, answer) == hashlib.sha256(BODY).hexdigest()

    def test_a_silent_client_is_sent_away(self, other: httpx2.Client) -> None:
        path = _create(other)
        with _begin_patch(other, path, len(BODY)) as silent:
            silent.sendall(BODY[:100])
            assert b"503" in _first_line(silent)
        assert _offset(other, path) == 100
        other.delete(path, headers=VERSION)


class TestRefusedBody:
    def test_the_answer_comes_although_the_body_was_not_taken(self, client: httpx2.Client) -> None:
        path = _create(client)
        assert _patch(client, path, bytes(4 * MIB), 7).status_code == 409

    def test_a_client_that_asks_first_sends_nothing(self, client: httpx2.Client) -> None:
        path = _create(client)
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as connection:
            head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nExpect: 100-continue\r\n"
            head += f"Authorization: {client.headers['Authorization']}\r\nUpload-Offset: 9\r\n"
            head += "Content-Type: application/offset+octet-stream\r\nContent-Length: 1000\r\n\r\n"
            connection.sendall(head.encode())
            assert b"409" in _first_line(connection)


class TestManyAtOnce:
    def test_of_fifty_bodies_one_is_taken(self, client: httpx2.Client, other: httpx2.Client) -> None:
        path = _create(client)

        def patch(number: int) -> int:
            return _patch(client if number % 2 else other, path, BODY, 0).status_code

        with ThreadPoolExecutor(50) as pool:
            statuses = list(pool.map(patch, range(50)))
        assert statuses.count(204) == 1
        assert set(statuses) <= {204, 409, 423, 503}
        corpus_id = client.get(path).json()["corpus_id"]
        assert client.get(f"/v1/corpora/{corpus_id}").json()["archive"]["sha256"] == hashlib.sha256(BODY).hexdigest()

    def test_reservations_never_exceed_the_quota(self, client: httpx2.Client, other: httpx2.Client) -> None:
        stored = sum(corpus["archive"]["bytes"] for corpus in client.get("/v1/corpora").json()["items"])
        n_bytes = QUOTA - stored - 1

        def create(number: int) -> httpx2.Response:
            headers = {**VERSION, "Upload-Length": str(n_bytes), "Upload-Metadata": metadata(name="birds")}
            return (client if number % 2 else other).post("/v1/uploads", headers=headers)

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(create, range(20)))
        assert [answer.status_code for answer in answers].count(201) == 1
        refused = next(answer.json() for answer in answers if answer.status_code != 201)
        assert (refused["status"], refused["code"], refused["left"]) == (413, "byte_quota", {"bytes": 1})


class TestLargeUpload:
    def test_it_leaves_the_memory_flat(self, client: httpx2.Client, apis: tuple[ApiProcess, ApiProcess]) -> None:
        n_bytes = 96 * MIB
        path = _create(client, n_bytes)
        before = apis[0].rss_bytes()
        peaks: list[int] = []

        def body() -> Iterator[bytes]:
            yield ZIP
            for at in range(len(ZIP), n_bytes, MIB):
                peaks.append(apis[0].rss_bytes())
                yield bytes(min(MIB, n_bytes - at))

        headers = {**VERSION, **BODY_TYPE, "Upload-Offset": "0", "Content-Length": str(n_bytes)}
        assert client.patch(path, content=body(), headers=headers).status_code == 204
        assert max(peaks) - before < 56 * MIB  # two steps of 16 MiB, and what sockets hold
