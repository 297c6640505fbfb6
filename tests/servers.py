"""The real PostgreSQL and Redis of a test session, from the same wheels that the product runs."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.embedded import EmbeddedServers


def start_test_servers(tmp: Path) -> EmbeddedServers:
    """Start both servers below `tmp`, without crash safety, which makes them fast.

    Args:
        tmp: a folder for their data; a short path keeps the sockets inside it.

    Returns:
        The running servers: `.database_url`, `.broker_url`, `create_database`, `drop_database`, `stop`.
    """
    servers = EmbeddedServers(tmp / "data")
    servers.start(durable=False)
    return servers


def running_test_servers() -> Iterator[EmbeddedServers]:
    """Run both servers in a short folder below /tmp, and stop and remove everything at the end.

    They also end when this process is killed: the kernel signals them.
    """
    tmp = Path(tempfile.mkdtemp(prefix="mispair-test-", dir="/tmp"))
    try:
        servers = start_test_servers(tmp)
        try:
            yield servers
        finally:
            servers.stop()
    finally:
        shutil.rmtree(tmp)


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """One cluster and one Redis for the whole session. Import it in `tests/conftest.py` to have it everywhere."""
    yield from running_test_servers()
