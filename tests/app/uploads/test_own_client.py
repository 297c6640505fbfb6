"""The client behind `mispair upload` through cuts, and one very large upload."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.settings import MIB
from mispair import Client
from mispair.upload_source import open_source, source_sha256
from tests.app.live_service import await_that
from tests.app.uploads.cutting_proxy import Cut
from tests.app.uploads.foreign import ALL_CUTS, Foreign, write_archive


def _folder(path: Path, n_files: int, seed: int) -> Path:
    path.mkdir()
    for number in range(n_files):
        write_archive(path / f"{number}.jpg", MIB // 2, seed + number)
    (path / "captions.csv").write_text("image,caption\n")
    return path


@pytest.mark.system
class TestOwnClient:
    def test_a_folder_survives_what_networks_do(self, foreign: Foreign, tmp_path: Path) -> None:
        source = open_source(_folder(tmp_path / "cut-folder", 10, seed=10))
        foreign.proxy.plan([Cut(MIB, how) for how in ALL_CUTS[:-1]])
        with Client(foreign.proxy.url, foreign.key) as client:
            corpus = client.upload_resumably(source, name="cut-folder")
        assert corpus.archive is not None
        assert corpus.archive.sha256 == source_sha256(source)
        assert foreign.proxy.n_cuts == 3

    def test_a_killed_command_goes_on_where_it_was(self, foreign: Foreign, tmp_path: Path) -> None:
        path = _folder(tmp_path / "killed", 48, seed=20)  # more than the sockets between hold
        foreign.proxy.plan([])
        foreign.proxy.throttle_bytes_per_s = 400_000
        command = [sys.executable, "-m", "mispair", "upload", str(path), "--no-tty"]
        environment = {**os.environ, "MISPAIR_URL": foreign.proxy.url, "MISPAIR_KEY": foreign.key}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process, foreign.client() as past:
            await_that(lambda: any(u["offset"] for u in past.get("/v1/uploads").json()["items"] if _is_open(u)), 20)
            process.send_signal(signal.SIGKILL)
        foreign.proxy.throttle_bytes_per_s = None
        source = open_source(path)
        told: list[int] = []
        with Client(foreign.proxy.url, foreign.key) as client:
            corpus = client.upload_resumably(source, name="killed", on_progress=lambda sent, _: told.append(sent))
        assert corpus.archive is not None
        assert corpus.archive.sha256 == source_sha256(source)
        assert told[0] > 0  # it began where the first command was


def _is_open(upload: dict[str, object]) -> bool:
    return upload["state"] == "receiving"


@pytest.mark.long
class TestVeryLargeUpload:
    @pytest.mark.timeout(900)
    def test_four_gibibytes_take_less_than_250_mib(self, foreign: Foreign, tmp_path: Path) -> None:
        write_archive(tmp_path / "large.zip", MIB, seed=30)
        os.truncate(tmp_path / "large.zip", 4096 * MIB)
        with Client(foreign.api.url, foreign.key) as client:
            corpus = client.upload_resumably(open_source(tmp_path / "large.zip"), name="large")
        assert corpus.archive is not None
        assert corpus.archive.bytes == 4096 * MIB
        status = Path(f"/proc/{foreign.api.pid}/status").read_text()
        peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
        assert peak_kib * 1024 < 250 * MIB


@pytest.mark.long
class TestManyUploads:
    @pytest.mark.timeout(3600)
    def test_folders_arrive_through_cuts(self, foreign: Foreign, tmp_path: Path) -> None:
        for number in range(40):
            source = open_source(_folder(tmp_path / f"own-{number}", 1 + number % 8, seed=number))
            foreign.proxy.plan([Cut(MIB // 4, how) for how in ALL_CUTS[: 3 + (number % 10 == 9)]])
            with Client(foreign.proxy.url, foreign.key) as client:
                corpus = client.upload_resumably(source, name=f"own-{number}")
            assert corpus.archive is not None
            assert corpus.archive.sha256 == source_sha256(source)
