"""A fake server, and a process without any Mispair settings of its own."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from mispair.client import Client
from tests.mispair.fake_server import KEY, FakeServer, serve


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MISPAIR_URL", "MISPAIR_KEY", "MISPAIR_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fake() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(fake: FakeServer) -> Iterator[Client]:
    with Client("http://fake", KEY, transport=httpx2.MockTransport(fake.handle)) as client:
        yield client


@pytest.fixture
def served(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The fake on a real socket, named by the environment as a user would."""
    with serve(fake) as url:
        monkeypatch.setenv("MISPAIR_URL", url)
        monkeypatch.setenv("MISPAIR_KEY", KEY)
        yield url


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Something that begins like a zip and is longer than one chunk."""
    path = tmp_path / "birds.v2.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(range(256)) * 10_000)
    return path
