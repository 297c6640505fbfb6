from mispair.answers import parse_answer
from mispair.commands.describing_causes import describe_causes
from mispair.run_summary import RunSummary
from tests.mispair.fake_server import SUMMARY

CAUSE = {
    "column": "folder",
    "value": "web/\u001bx",
    "n_pairs": 312,
    "n_flagged": 300,
    "expected_mismatches": 298.0,
    "mismatch_rate": 0.955,
    "share_of_noise": 0.712,
    "explained": 250.0,
    "also": [{"column": "column:source", "value": "cdn"}],
}


def summary(**more: object) -> RunSummary:
    return parse_answer(RunSummary, SUMMARY | more)


class TestDescribeCauses:
    def test_reasons_are_counted_and_causes_named(self) -> None:
        told = describe_causes(summary(reasons={"uncertain": 12, "better_caption": 290}, causes=[CAUSE]))
        assert told == [
            "reasons: 290 better_caption, 12 uncertain",
            "much of the noise: 71% of it in folder 'web/?x', 300 of 312 pairs flagged",
        ]

    def test_only_the_first_three_causes_are_told(self) -> None:
        assert len(describe_causes(summary(causes=[CAUSE] * 5))) == 3

    def test_a_summary_that_is_older_than_reasons_tells_nothing(self) -> None:
        assert describe_causes(summary()) == []
