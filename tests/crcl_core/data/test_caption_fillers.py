import pytest

from crcl_core.data.caption_fillers import is_placeholder, number_template


class TestIsPlaceholder:
    @pytest.mark.parametrize("caption", ["n/a", "Untitled.", " [NO CAPTION] ", "alt text", "(null)", "No  description"])
    def test_words_that_stand_where_a_caption_is_missing(self, caption: str) -> None:
        assert is_placeholder(caption)

    @pytest.mark.parametrize("caption", ["", "a photo of a dog", "unknown man in a hat", "none of them smiles"])
    def test_a_caption_that_only_holds_such_a_word_is_none(self, caption: str) -> None:
        assert not is_placeholder(caption)


class TestNumberTemplate:
    def test_numbers_dates_and_times_are_one_mark(self) -> None:
        assert number_template("Photo 12 of  1,000, 2024-01-02") == "photo <number> of <number>, <number>"

    def test_a_caption_without_numbers_stays_but_for_case_and_blanks(self) -> None:
        assert number_template(" A  Dog") == "a dog"

    def test_numbers_with_marks_inside_are_one_number(self) -> None:
        assert number_template("Sold  on 12.03.2019 for 1,200") == "sold on <number> for <number>"
