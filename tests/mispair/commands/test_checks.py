from pathlib import Path

import pytest

from tests.mispair.commands.running import CommandLine

pytestmark = pytest.mark.usefixtures("served")


@pytest.fixture
def corpus_id(mispair: CommandLine, archive: Path, served: str) -> str:
    return mispair("upload", archive, "--url", served).out.strip()


class TestChecks:
    def test_the_summary_counts_each_issue_and_warns_of_another_language(
        self, mispair: CommandLine, corpus_id: str
    ) -> None:
        ended = mispair("checks", corpus_id)
        assert ended.out.splitlines() == [
            "of\tissue\tflagged\tshare",
            "image\tdark\t1\t50.0%",
            "caption\twrong_language\t1\t25.0%",
            "caption\tnear_duplicate\tnot checked\t",
        ]
        assert "main language de; 25.0% of the captions in others" in ended.err
        assert "warning: the main language is 'de' (corpus_not_english)" in ended.err

    def test_images_with_an_issue_are_listed(self, mispair: CommandLine, corpus_id: str) -> None:
        ended = mispair("checks", corpus_id, "--images", "dark")
        assert ended.out.splitlines()[1:] == ["0.100\t\t8\t6\ta.png"]

    def test_captions_with_an_issue_are_listed_on_one_line_each(self, mispair: CommandLine, corpus_id: str) -> None:
        ended = mispair("checks", corpus_id, "--captions", "wrong_language")
        assert ended.out.splitlines()[1:] == ["0.000\t\ten\ta?do\tk"]

    def test_all_scores_are_saved(self, mispair: CommandLine, corpus_id: str, tmp_path: Path) -> None:
        target = tmp_path / "checks.csv"
        ended = mispair("checks", corpus_id, "-o", target, "--of", "captions")
        assert target.read_text() == "image_id,issues\ni,dark\n"
        assert ended.out == f"{target}: 23 bytes\n"

    def test_two_lists_at_once_are_wrong_usage(self, mispair: CommandLine, corpus_id: str) -> None:
        assert mispair("checks", corpus_id, "--images", "dark", "--captions", "empty").code == 2
