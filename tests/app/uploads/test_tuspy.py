"""tuspy, the protocol's own client for Python, through cuts."""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.uploader.uploader import Uploader

from app.core.settings import MIB
from tests.app.uploads.cutting_proxy import Cut, How
from tests.app.uploads.foreign import (
    ALL_CUTS,
    CHUNK_BYTES,
    Foreign,
    check_resent,
    random_cuts,
    random_size,
    write_archive,
)

_PATIENCE_S = 60


def _upload(foreign: Foreign, path: Path, cuts: Sequence[Cut], *, checksum: bool = False) -> str:
    """Upload a file through cuts; gives the SHA-256 of what arrived."""
    foreign.proxy.plan(cuts)
    url = None
    give_up_at = time.monotonic() + _PATIENCE_S
    with path.open("rb") as file:
        while True:
            try:
                url = url or _uploader(foreign, file, path, None, checksum=checksum).create_url()
                _uploader(foreign, file, path, url, checksum=checksum).upload()
            except (TusCommunicationError, TusUploadFailed, requests.RequestException):
                # Its own patience is over; an application asks again later.
                assert time.monotonic() < give_up_at
                time.sleep(0.2)
            else:
                return foreign.sha256_of(path.stem)


def _uploader(foreign: Foreign, file: BinaryIO, path: Path, url: str | None, *, checksum: bool) -> Uploader:
    client = TusClient(f"{foreign.proxy.url}/v1/uploads", headers={"Authorization": f"Bearer {foreign.key}"})
    return client.uploader(
        file_stream=file,
        url=url,
        chunk_size=CHUNK_BYTES,
        metadata={"filename": path.name},
        upload_checksum=checksum,
        retries=3,
        retry_delay=0.1,
    )


@pytest.mark.system
class TestTuspy:
    def test_every_kind_of_cut_is_survived(self, foreign: Foreign, tmp_path: Path) -> None:
        sha256 = write_archive(tmp_path / "tuspy.zip", 6 * MIB, seed=1)
        cuts = [Cut(MIB, how) for how in ALL_CUTS]
        assert _upload(foreign, tmp_path / "tuspy.zip", cuts) == sha256
        assert foreign.proxy.n_cuts == len(cuts)
        check_resent(foreign.proxy, 6 * MIB, CHUNK_BYTES)

    def test_with_checksums_too(self, foreign: Foreign, tmp_path: Path) -> None:
        sha256 = write_archive(tmp_path / "checked.zip", 5 * MIB, seed=2)
        cuts = [Cut(MIB, How.RESET), Cut(3 * MIB, How.FINISH)]
        assert _upload(foreign, tmp_path / "checked.zip", cuts, checksum=True) == sha256

    def test_a_slow_line_is_no_reason_to_lose_bytes(self, foreign: Foreign, tmp_path: Path) -> None:
        sha256 = write_archive(tmp_path / "slow.zip", 400_000, seed=3)
        foreign.proxy.throttle_bytes_per_s = 400_000
        assert _upload(foreign, tmp_path / "slow.zip", [Cut(200_000, How.RESET)]) == sha256
        foreign.proxy.throttle_bytes_per_s = None
        check_resent(foreign.proxy, 400_000, 200_000)


@pytest.mark.long
class TestManyUploads:
    @pytest.mark.timeout(3600)
    def test_all_of_three_hundred_arrive(self, foreign: Foreign, tmp_path: Path) -> None:
        numbers = random.Random(0)  # noqa: S311 - a test's cases
        for seed in range(300):
            n_bytes = random_size(numbers, 64 * MIB)
            path = tmp_path / f"tuspy-{seed}.zip"
            sha256 = write_archive(path, n_bytes, seed)
            # A killed server takes seconds to come back, so it is killed in every tenth upload only.
            hows = ALL_CUTS if seed % 10 == 0 else ALL_CUTS[:-1]
            assert _upload(foreign, path, random_cuts(numbers, n_bytes, hows)) == sha256
            check_resent(foreign.proxy, n_bytes, CHUNK_BYTES)
            path.unlink()
