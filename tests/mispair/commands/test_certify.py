"""`mispair certify` against a fake server."""

import json
from pathlib import Path

import pytest

from mispair.certificate_file import read_certificate
from mispair.errors import UnexpectedAnswerError
from tests.mispair.commands.running import CommandLine
from tests.mispair.fake_server import CERTIFICATE, NOW, FakeServer, problem

pytestmark = pytest.mark.usefixtures("served")


@pytest.fixture(autouse=True)
def _done_run(fake: FakeServer) -> None:
    fake.runs["run-1"] = {"id": "run-1", "corpus_id": "c", "state": "done", "created_at": NOW}


def test_shows_the_arms_and_what_cleaning_gains(mispair: CommandLine) -> None:
    ended = mispair("certify", "run-1")
    lines = ended.out.splitlines()
    assert ended.code == 0
    assert lines[0] == "trained on\tpairs\tr_sum\tweighted r_sum\tr_sum by seed"
    assert lines[1] == "raw\t80\t91.0 ± 1.0\t150.5 ± 1.0\t90.0 92.0"
    assert lines[3] == "cleaned\t50\t111.5 ± 1.0\t190.5 ± 1.0\t110.0 113.0"
    assert lines[4] == "cleaned over raw: +20.5 (95 % interval: +18.5 to +22.5)"
    assert lines[6].startswith("cleaning helps")


def test_saves_the_certificate_and_its_chart(mispair: CommandLine, tmp_path: Path) -> None:
    ended = mispair("certify", "run-1", "-o", tmp_path / "c.json", "--chart", tmp_path / "c.svg")
    assert ended.code == 0
    assert json.loads((tmp_path / "c.json").read_text()) == CERTIFICATE
    assert (tmp_path / "c.svg").read_text() == "<svg/>"
    assert read_certificate(tmp_path / "c.json").verdict == "helps"
    assert f"{tmp_path / 'c.svg'}: 6 bytes" in ended.out


def test_a_run_without_one_ends_in_the_servers_words(fake: FakeServer, mispair: CommandLine, tmp_path: Path) -> None:
    fake.failures.append(lambda _: problem(404, "not_certified", "run run-1 has no certificate"))
    ended = mispair("certify", "run-1", "-o", tmp_path / "c.json")
    assert ended.code == 3
    assert "run run-1 has no certificate" in ended.err
    assert not (tmp_path / "c.json").exists()


def test_a_folder_that_does_not_exist_is_wrong_usage(mispair: CommandLine, tmp_path: Path) -> None:
    assert mispair("certify", "run-1", "--chart", tmp_path / "no" / "c.svg").code == 2


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(UnexpectedAnswerError, match="is no certificate"):
        read_certificate(tmp_path / "c.json")
