import numpy as np
import pytest

from crcl_core.explanation.causes import causes, wilson_lower_bound
from crcl_core.explanation.pair_groups import (
    GroupColumn,
    caption_columns,
    caption_template,
    folder_columns,
    length_band,
)

NEVER = np.zeros(400, dtype=bool)


def column(name: str, **sizes: int) -> GroupColumn:
    """Groups one behind the other."""
    return GroupColumn.of(name, [value for value, size in sizes.items() for _ in range(size)])


class TestCauses:
    def test_the_group_with_the_noise_is_the_cause(self) -> None:
        mismatch = np.repeat([1.0, 0.0], [100, 300])
        (cause,) = causes([column("source", bad=100, good=300)], mismatch, mismatch > 0.5)
        assert (cause.column, cause.value, cause.n_pairs, cause.n_flagged) == ("source", "bad", 100, 100)
        assert (cause.expected_mismatches, cause.mismatch_rate, cause.share_of_noise) == (100.0, 1.0, 1.0)
        assert cause.explained == 75.0  # 100 mismatches less the 25 of any hundred pairs

    def test_what_explains_more_goes_first(self) -> None:
        mismatch = np.repeat([1.0, 0.5, 0.0], [50, 200, 150])
        found = causes([column("source", small=50, large=200, good=150)], mismatch, NEVER)
        assert [cause.value for cause in found] == ["small", "large"]

    def test_a_parent_whose_noise_is_its_childs_does_not_follow_it(self) -> None:
        mismatch = np.repeat([1.0, 0.0], [100, 300])
        paths = ["web/x/1.jpg"] * 100 + ["web/y/1.jpg"] * 100 + ["own/z/1.jpg"] * 200
        found = causes(folder_columns(paths), mismatch, NEVER)
        assert [(cause.value, cause.also) for cause in found] == [("web/x", ())]

    def test_groups_of_the_same_pairs_are_told_together(self) -> None:
        mismatch = np.repeat([1.0, 0.0], [100, 300])
        columns = [column("source", cdn=100, own=300), column("language", en=98, de=302)]
        (cause,) = causes(columns, mismatch, NEVER)
        assert (cause.value, cause.also) == ("cdn", (("language", "en"),))

    def test_chance_is_no_cause(self) -> None:
        random = np.random.default_rng(0)
        mismatch = (random.random(4000) < 0.2).astype(np.float64)
        groups = GroupColumn.of("shard", random.integers(0, 100, 4000).tolist())
        assert causes([groups], mismatch, mismatch > 0.5) == []

    def test_a_handful_of_pairs_is_no_cause(self) -> None:
        mismatch = np.repeat([1.0, 0.0], [9, 391])
        assert causes([column("source", bad=9, good=391)], mismatch, NEVER) == []

    def test_a_corpus_without_noise_or_columns_has_none(self) -> None:
        assert causes([column("source", a=200, b=200)], np.zeros(400), NEVER) == []
        assert causes([], np.ones(400), NEVER) == []

    def test_no_more_than_asked_for(self) -> None:
        mismatch = np.repeat([1.0, 0.0], [200, 200])
        assert len(causes([column("source", a=100, b=100, c=200)], mismatch, NEVER, limit=1)) == 1


class TestWilsonLowerBound:
    def test_it_is_the_textbooks(self) -> None:
        # 8 of 10 at 95 %: (0.4902, 0.9433).
        assert wilson_lower_bound(0.8, 10, 1.959964) == pytest.approx(0.4902, abs=1e-4)

    def test_it_nears_the_rate_with_many(self) -> None:
        assert wilson_lower_bound(0.5, 1e8, 3) == pytest.approx(0.5, abs=1e-3)


class TestGroupColumn:
    def test_none_is_in_no_group(self) -> None:
        assert GroupColumn.of("language", ["en", None, "de", "en"]).codes.tolist() == [0, -1, 1, 0]

    def test_one_value_or_one_each_is_no_grouping(self) -> None:
        assert not column("source", all=400).is_grouping
        assert not GroupColumn.of("id", range(400)).is_grouping
        assert column("source", a=200, b=200).is_grouping

    def test_one_value_of_some_is_a_grouping(self) -> None:
        assert GroupColumn.of("note", ["draft"] * 10 + [None] * 10).is_grouping


class TestFolderColumns:
    def test_each_depth_is_a_column(self) -> None:
        columns = folder_columns(["a/b/1.jpg", "a/2.jpg", "3.jpg"])
        assert [[col.values[code] if code >= 0 else None for code in col.codes] for col in columns] == [
            ["a", "a", None],
            ["a/b", None, None],
        ]


class TestCaptionColumns:
    def test_templates_openings_and_lengths_group_the_pairs(self) -> None:
        captions = [f"photo number {number}" for number in range(10)] + ["a dog"]
        template, opening, length = caption_columns(captions, np.array([*range(10), 10, 10]))
        assert (template.values, template.codes.tolist()) == (("photo number <number>",), [0] * 10 + [-1, -1])
        assert opening.values == ("photo number ...",)
        assert length.values == ("3-5 words",)  # two captions of two words are too few for a group

    def test_names_and_numbers_are_masked(self) -> None:
        assert caption_template("Photo of Ada Lovelace in London, 1840") == "Photo of <name> in <name>, <number>"

    def test_lengths_are_banded(self) -> None:
        assert [length_band("word " * n) for n in (1, 3, 10, 41)] == [
            "1-2 words",
            "3-5 words",
            "6-10 words",
            "41 or more words",
        ]
