"""Uppy in Chromium, through cuts."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from app.core.settings import MIB
from tests.app.uploads.cutting_proxy import Cut
from tests.app.uploads.foreign import ALL_CUTS, CHUNK_BYTES, ZIP, Foreign, check_resent, random_cuts, random_size
from tests.app.uploads.node_packages import unpack

_PACKAGE = "uppy@6.0.1"
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")


def _chromium() -> str:
    """The system's Chromium, installed if it is not there."""
    if shutil.which("chromium") is None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        subprocess.run(command, check=True, timeout=300, env=environment, stdout=subprocess.DEVNULL)
    found = shutil.which("chromium")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def page(foreign: Foreign, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of the service's own origin that can upload."""
    script = unpack(tmp_path_factory.mktemp("uppy"), _PACKAGE) / "dist" / "uppy.min.mjs"
    html = Path(__file__).with_name("uppy_page.html")

    def serve(route: Route) -> None:
        is_script = route.request.url.endswith(".mjs")
        route.fulfill(path=script if is_script else html, content_type="text/javascript" if is_script else "text/html")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=list(_FLAGS))
        page = browser.new_page()
        # Only these two: what is uploaded must not pass through the browser's debugger.
        page.route("**/uppy.html", serve)
        page.route("**/uppy.min.mjs", serve)
        page.goto(f"{foreign.proxy.url}/uppy.html")
        page.wait_for_function("window.isReady")
        yield page
        browser.close()


def _upload(page: Page, foreign: Foreign, name: str, n_bytes: int, cuts: Sequence[Cut]) -> None:
    """Upload a file through cuts; it arrives as it was."""
    foreign.proxy.plan(cuts)
    job = {"name": f"{name}.zip", "head": list(ZIP), "nBytes": n_bytes, "key": foreign.key, "chunkSize": CHUNK_BYTES}
    sent: str = page.evaluate("job => window.send(job)", job)
    assert foreign.sha256_of(name) == sent
    check_resent(foreign.proxy, n_bytes, CHUNK_BYTES)


@pytest.mark.system
class TestUppy:
    def test_what_networks_do_is_survived(self, foreign: Foreign, page: Page) -> None:
        _upload(page, foreign, "uppy", 5 * MIB, [Cut(MIB, how) for how in ALL_CUTS[:-1]])
        assert foreign.proxy.n_cuts == 3


@pytest.mark.long
class TestManyUploads:
    def test_a_killed_server_is_survived(self, foreign: Foreign, page: Page) -> None:
        _upload(page, foreign, "uppy-killed", 5 * MIB, [Cut(MIB, how) for how in ALL_CUTS])
        assert foreign.proxy.n_cuts == len(ALL_CUTS)

    @pytest.mark.timeout(3600)
    def test_all_of_three_hundred_arrive(self, foreign: Foreign, page: Page) -> None:
        numbers = random.Random(2)  # noqa: S311 - a test's cases
        for seed in range(300):
            n_bytes = random_size(numbers, 64 * MIB)
            hows = ALL_CUTS if seed % 10 == 0 else ALL_CUTS[:-1]
            _upload(page, foreign, f"uppy-{seed}", n_bytes, random_cuts(numbers, n_bytes, hows))
