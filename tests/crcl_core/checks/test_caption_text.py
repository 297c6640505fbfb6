import numpy as np
import pytest

from crcl_core.checks import CAPTION_THRESHOLDS, CaptionIssue, caption_scores
from crcl_core.checks.caption_text import JUDGED


def flags(*captions: str) -> list[set[CaptionIssue]]:
    scores = caption_scores(captions)
    assert ((scores >= 0) & (scores <= 1)).all()
    return [
        {issue for issue, score in zip(JUDGED, row, strict=True) if score < np.float32(CAPTION_THRESHOLDS[issue])}
        for row in scores
    ]


class TestCaptionScores:
    @pytest.mark.parametrize(
        "caption",
        [
            "A black dog jumps over a fence .",
            "A man is taking a photo of his wife in front of a fountain .",
            "dog",
            "犬",
            "The boy wears jersey number 12 .",
            "A photographer with a digital watch clicks his camera .",
        ],
    )
    def test_a_description_has_no_flag(self, caption: str) -> None:
        if caption != "犬":
            assert flags(caption) == [set()]
        assert CaptionIssue.BOILERPLATE not in flags(caption)[0]

    @pytest.mark.parametrize("caption", ["...", "-", "N/A", " null ", "[no caption]", "Untitled", "?!"])
    def test_what_says_nothing_is_empty(self, caption: str) -> None:
        assert CaptionIssue.EMPTY in flags(caption)[0]

    def test_more_than_64_words_are_overlong(self) -> None:
        assert flags("dog " * 64, "dog " * 65) == [set(), {CaptionIssue.OVERLONG}]

    def test_a_text_without_spaces_can_be_overlong(self) -> None:
        assert flags("犬" * 1000) == [{CaptionIssue.OVERLONG}]

    @pytest.mark.parametrize(
        "caption",
        [
            "IMG_20190304.JPG",
            "DSC_0123",
            "https://example.com/a/b?c=1",
            "<img src='a.png'> dog",
            "Photo by Jane Doe / Getty Images",
            "Click here to see the full-size image",
            "2012-03-04 12:30:11 Nikon D90",
            "Stock photo © 2013 Example Inc.",
        ],
    )
    def test_what_stands_on_every_page_is_boilerplate(self, caption: str) -> None:
        assert flags(caption) == [{CaptionIssue.BOILERPLATE}]

    def test_an_address_behind_a_description_is_not_enough(self) -> None:
        assert flags("Two dogs play with a red ball on a wide beach www.a.com") == [set()]

    def test_a_template_of_numbers_is_boilerplate_from_ten_captions_on(self) -> None:
        assert flags(*(f"Item {number} of the collection" for number in range(9))) == [set()] * 9
        assert flags(*(f"Item {number} of the collection" for number in range(10))) == [{CaptionIssue.BOILERPLATE}] * 10

    def test_no_captions(self) -> None:
        assert caption_scores([]).shape == (0, 3)
