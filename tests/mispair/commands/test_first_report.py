import io
from pathlib import Path

import pytest

from mispair.client_file import ServerAddress
from mispair.commands import first_report
from mispair.commands.demo import DemoFiles
from mispair.commands.first_report import FirstReport, Wish
from mispair.progress import PlainProgress
from tests.mispair.fake_server import KEY, FakeServer

DEMO = Wish(None, with_demo=True)
TRUTH = "pair_id,image,caption,kind,true_caption\nkey-1,a,b,random_swap,c\nkey-2,a,b,near_swap,c\nkey-3,a,b,,b\n"


class Started:
    """Runs a first report to its end, as often as `mispair up` is started."""

    def __init__(self, url: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = url
        self._data = data
        self._capsys = capsys
        self.progress = io.StringIO()
        self.err = ""
        self.exit_code = 0

    def __call__(self, wish: Wish) -> list[str]:
        report = FirstReport(ServerAddress(self._url, KEY), self._data, wish, PlainProgress(self.progress), no_tty=True)
        report.start()
        report.join(20)
        self.exit_code = report.exit_code
        out, self.err = self._capsys.readouterr()
        return out.splitlines()


@pytest.fixture
def start(served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Started:
    return Started(served, tmp_path, capsys)


@pytest.fixture(autouse=True)
def _small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(files: DemoFiles) -> None:
        files.archive.parent.mkdir(exist_ok=True)
        files.archive.write_bytes(b"PK demo")
        files.truth.write_text(TRUTH)

    monkeypatch.setattr(first_report, "draw_demo", draw)


class TestCorpus:
    def test_reports_once_and_names_it_again(
        self, start: Started, archive: Path, fake: FakeServer, served: str
    ) -> None:
        wish = Wish(archive, with_demo=False)
        first = start(wish)
        report = start._data / "reports" / "birds-run-1.csv"
        assert first[0] == "1 of 4 pairs (25.0%) flagged: correspondence < 0.5"
        assert first[4].startswith("1\t0.200\tmismatch")
        assert first[-1] == f"REPORT url={served}/v1/runs/run-1/report csv={report}"
        assert report.read_text().startswith("pair_key,")
        second = start(wish)
        assert second == [*first[:2], first[-1]]
        assert "cleaned before" in start.progress.getvalue()
        assert len(fake.runs) == 1

    def test_a_failure_is_told_and_kept_for_the_end(self, start: Started, archive: Path, fake: FakeServer) -> None:
        fake.import_error = {"code": "truncated_archive", "detail": "the archive ends early"}
        assert start(Wish(archive, with_demo=False)) == ["FAILED code=truncated_archive"]
        assert start.exit_code == 5
        assert "the archive ends early" in start.err


class TestDemo:
    def test_the_first_time_compares_with_the_truth(self, start: Started) -> None:
        lines = start(DEMO)
        assert lines[2] == "found 1 of the 2 planted mismatches among 1 flagged pairs"
        assert lines[3] == "by kind: near swap 0/1, random swap 1/1"
        assert lines[-1].startswith("REPORT url=")
        assert start.exit_code == 0

    def test_the_second_time_only_names_the_report(self, start: Started, fake: FakeServer) -> None:
        start(DEMO)
        lines = start(DEMO)
        assert [line.split()[0] for line in lines] == ["1", "not", "found", "by", "REPORT"]
        assert len(fake.runs) == 1

    def test_a_server_with_other_corpora_gets_no_demo(self, start: Started, archive: Path, fake: FakeServer) -> None:
        start(Wish(archive, with_demo=False))
        assert start(DEMO) == []
        assert len(fake.corpora) == 1

    def test_nothing_wished_is_nothing_done(self, start: Started, fake: FakeServer) -> None:
        assert start(Wish(None, with_demo=False)) == []
        assert fake.requests == []


class TestStop:
    def test_a_server_that_goes_away_when_told_to_is_no_failure(
        self, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        report = FirstReport(
            ServerAddress("http://127.0.0.1:1", KEY),
            tmp_path,
            Wish(archive, with_demo=False),
            PlainProgress(io.StringIO()),
            no_tty=True,
        )
        report.stop()
        report.start()
        report.join(10)
        assert report.exit_code == 0
        assert capsys.readouterr().err == ""
