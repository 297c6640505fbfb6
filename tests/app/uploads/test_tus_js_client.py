"""tus-js-client in node, through cuts."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import MIB
from tests.app.uploads.cutting_proxy import Cut
from tests.app.uploads.foreign import (
    ALL_CUTS,
    CHUNK_BYTES,
    Foreign,
    check_resent,
    random_cuts,
    random_size,
    write_archive,
)
from tests.app.uploads.node_packages import install

_PACKAGE = "tus-js-client@4.3.1"


class Node:
    """A node process that uploads what it is told."""

    def __init__(self, folder: Path) -> None:
        install(folder, _PACKAGE)
        script = shutil.copy(Path(__file__).with_name("tus_js_upload.mjs"), folder)
        self.process = subprocess.Popen(
            ["node", script],  # noqa: S607
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def upload(self, foreign: Foreign, path: Path, cuts: Sequence[Cut]) -> str:
        """Upload a file through cuts; gives the SHA-256 of what arrived."""
        foreign.proxy.plan(cuts)
        job = {"path": str(path), "name": path.name, "key": foreign.key, "chunkBytes": CHUNK_BYTES}
        answer = self._ask({**job, "endpoint": f"{foreign.proxy.url}/v1/uploads"})
        assert "error" not in answer, answer["error"]
        return foreign.sha256_of(path.stem)

    def end(self) -> None:
        """Let it run out of jobs."""
        self.process.communicate(timeout=10)

    def _ask(self, job: object) -> dict[str, Any]:  # Any: JSON
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(job)}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("node"))
    yield node
    node.end()


@pytest.mark.system
class TestTusJsClient:
    def test_every_kind_of_cut_is_survived(self, foreign: Foreign, node: Node, tmp_path: Path) -> None:
        sha256 = write_archive(tmp_path / "node.zip", 6 * MIB, seed=4)
        cuts = [Cut(MIB, how) for how in ALL_CUTS]
        assert node.upload(foreign, tmp_path / "node.zip", cuts) == sha256
        assert foreign.proxy.n_cuts == len(cuts)
        check_resent(foreign.proxy, 6 * MIB, CHUNK_BYTES)


@pytest.mark.long
class TestManyUploads:
    @pytest.mark.timeout(3600)
    def test_all_of_three_hundred_arrive(self, foreign: Foreign, node: Node, tmp_path: Path) -> None:
        numbers = random.Random(1)  # noqa: S311 - a test's cases
        for seed in range(300):
            n_bytes = random_size(numbers, 64 * MIB)
            path = tmp_path / f"node-{seed}.zip"
            sha256 = write_archive(path, n_bytes, seed)
            # A killed server takes seconds to come back, so it is killed in every tenth upload only.
            hows = ALL_CUTS if seed % 10 == 0 else ALL_CUTS[:-1]
            assert node.upload(foreign, path, random_cuts(numbers, n_bytes, hows)) == sha256
            check_resent(foreign.proxy, n_bytes, CHUNK_BYTES)
            path.unlink()
