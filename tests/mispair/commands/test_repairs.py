"""`mispair repairs` against a fake server."""

from pathlib import Path

import pytest

from tests.mispair.commands.running import CommandLine
from tests.mispair.fake_server import NOW, FakeServer

pytestmark = pytest.mark.usefixtures("served")


@pytest.fixture(autouse=True)
def _done_run(fake: FakeServer) -> None:
    fake.runs["run-1"] = {"id": "run-1", "corpus_id": "c", "state": "done", "created_at": NOW}


class TestRepairs:
    def test_blocks_and_single_pairs_are_told_in_words(self, mispair: CommandLine) -> None:
        assert mispair("repairs", "run-1").out.splitlines() == [
            "repair\tbefore\tafter\tgain\timage\tproposed caption",
            "rows 1201-1850: captions -1, 640 pairs\t0.062\t0.969\t580.0\t\t",
            "row 3: the caption of row 7\t0.125\t0.500\t0.4\tc.png\ta cat",
        ]

    def test_a_kind_can_be_asked_for(self, mispair: CommandLine) -> None:
        assert len(mispair("repairs", "run-1", "--kind", "reassign").out.splitlines()) == 2

    def test_all_pairs_are_saved(self, mispair: CommandLine, tmp_path: Path) -> None:
        target = tmp_path / "repairs.csv"
        assert mispair("repairs", "run-1", "-o", target).out == f"{target}: 20 bytes\n"
        assert target.read_text() == "number,kind\n1,shift\n"

    def test_a_kind_that_does_not_exist_is_wrong_usage(self, mispair: CommandLine) -> None:
        assert mispair("repairs", "run-1", "--kind", "guess").code == 2
