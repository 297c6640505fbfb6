"""What uploads by clients that nobody here wrote have in common."""

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2

from app.core.settings import MIB
from tests.app.corpora.archives import zip_bytes
from tests.app.live_service import ApiProcess
from tests.app.uploads.cutting_proxy import Cut, CuttingProxy, How

CHUNK_BYTES = 2 * MIB
ZIP = zip_bytes()
ALL_CUTS = (How.RESET, How.FINISH, How.FREEZE, How.KILL)


@dataclass(frozen=True)
class Foreign:
    """A service behind a proxy that cuts."""

    api: ApiProcess
    proxy: CuttingProxy
    key: str

    def client(self) -> httpx2.Client:
        """To the service itself, past the proxy."""
        return self.api.client()

    def sha256_of(self, name: str) -> str:
        """Of the newest archive that arrived as a corpus of that name."""
        with self.client() as client:
            corpora = client.get("/v1/corpora", params={"limit": 500}).json()["items"]
        sha256: str = next(corpus["archive"]["sha256"] for corpus in corpora if corpus["name"] == name)
        return sha256


def running_foreign(api: ApiProcess, key: str) -> Iterator[Foreign]:
    """Start the service and its proxy."""

    def restart() -> None:
        api.kill()
        api.start()

    api.start()
    try:
        # The kernel ends a process with the thread that started it; the proxy's threads end with their connections.
        with (
            ThreadPoolExecutor(1) as starter,
            CuttingProxy(api.port, lambda: starter.submit(restart).result()).running() as proxy,
        ):
            yield Foreign(api, proxy, key)
            api.stop()
    finally:
        api.stop()


def write_archive(path: Path, n_bytes: int, seed: int) -> str:
    """A file that begins like a zip and has random bytes after it; gives its SHA-256."""
    data = ZIP + random.Random(seed).randbytes(n_bytes - len(ZIP))  # noqa: S311 - content, no secret
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def random_size(numbers: random.Random, largest: int) -> int:
    """Between 64 KiB and `largest`, each order of magnitude as likely as another."""
    smallest = 64 * 1024
    factor: float = (largest / smallest) ** numbers.random()
    return round(smallest * factor)


def random_cuts(numbers: random.Random, n_bytes: int, hows: tuple[How, ...], most: int = 8) -> list[Cut]:
    """One to `most` cuts, somewhere in an upload of so many bytes."""
    n_cuts = numbers.randint(1, most)
    return [Cut(numbers.randint(1, max(2, n_bytes // n_cuts)), numbers.choice(hows)) for _ in range(n_cuts)]


def check_resent(proxy: CuttingProxy, n_bytes: int, chunk_bytes: int) -> None:
    """No cut may cost more than a chunk, beside the heads of requests."""
    heads = 4_000 * (2 * proxy.n_cuts + n_bytes // chunk_bytes + 4)
    assert proxy.n_sent - n_bytes <= proxy.n_cuts * chunk_bytes + heads
