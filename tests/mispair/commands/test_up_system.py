"""`mispair up` with real servers, a real worker and the toy encoder."""

import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from crcl_core.synthetic import render_corpus, write_archive
from mispair import Client

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

_ENVIRONMENT = {
    **os.environ,
    "MISPAIR_ENCODERS": '{"toy": "toy"}',
    "MISPAIR_DEFAULT_ENCODER": "toy",
    "MISPAIR_MIN_PAIRS": "20",
    "MISPAIR_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


@dataclass
class Up:
    """A `mispair up` in the background."""

    process: "subprocess.Popen[str]"
    seen: list[str]

    def wait_for(self, word: str) -> str:
        """Read standard output up to the line that begins with `word`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(line.rstrip())
            if line.startswith(word):
                return line.rstrip()
        pytest.fail(f"mispair up ended before {word}: {self.seen}")

    def interrupt(self) -> int:
        """Stop it as Ctrl-C does, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@contextmanager
def up(data: Path, *options: str) -> Iterator[Up]:
    command = [sys.executable, "-m", "mispair", "up", "--data", str(data), "--port", "0", "--no-tty", *options]
    with (data.parent / "stderr.txt").open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_ENVIRONMENT)
    try:
        yield Up(process, [])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mispair-up-", dir="/tmp") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    archive = tmp_path / "drawn.zip"
    write_archive(render_corpus(60, seed=5, edge_px=32), archive)
    return archive


class TestUp:
    def test_cleans_stops_and_continues(self, data: Path, corpus: Path) -> None:
        with up(data, "--corpus", str(corpus)) as first:
            ready = first.wait_for("READY")
            report = first.wait_for("REPORT")
            with Client(data=data) as client:
                assert ready == f"READY url={client.url}"
                runs = list(client.runs(next(client.corpora()).id))
                assert [run.state for run in runs] == ["done"]
                assert len(list(client.report(runs[0].id))) == 60
                assert [event.kind for event in client.events(runs[0])][-1] == "done"
            with up(data) as refused:
                assert refused.process.wait(30) == 6
            assert first.interrupt() == 0
        csv = Path(report.split("csv=")[1])
        assert len(csv.read_text().splitlines()) == 61
        assert f"runs/{runs[0].id}/report" in report
        key = (data / "client.toml").read_text().splitlines()[1]

        with up(data, "--corpus", str(corpus)) as second:
            assert second.wait_for("REPORT").split("csv=")[1] == str(csv)
            assert (data / "client.toml").read_text().splitlines()[1] == key
            with Client(data=data) as client:
                assert len(list(client.runs(next(client.corpora()).id))) == 1

    def test_a_corpus_that_cannot_be_cleaned_is_told_and_the_server_stays(self, data: Path, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong.zip"
        with zipfile.ZipFile(wrong, "w") as members:
            members.writestr("captions.csv", "image,note\na.jpg,b\n")
        with up(data, "--corpus", str(wrong)) as running:
            assert running.wait_for("FAILED") == "FAILED code=no_caption_column"
            with Client(data=data) as client:
                assert next(client.corpora()).state == "failed"
            assert running.interrupt() == 5
        assert "no_caption_column" in (data.parent / "stderr.txt").read_text()
