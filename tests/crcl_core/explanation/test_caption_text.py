from collections import Counter

import pytest

from crcl_core.explanation.caption_text import boilerplate_templates, not_a_description

NONE: Counter[str] = Counter()


def kind(caption: str, source_path: str | None = None) -> str | None:
    found = not_a_description(caption, source_path, NONE)
    return None if found is None else found.kind


class TestNotADescription:
    @pytest.mark.parametrize(
        "caption", ["IMG_2041.JPG", "holiday-01.png", "DSC00312", "img 20180203 WA0001", "P1010023"]
    )
    def test_names_of_files_and_numbers_of_cameras_are_file_names(self, caption: str) -> None:
        assert kind(caption) == "file_name"

    def test_the_name_of_the_pairs_own_image_is_a_file_name(self) -> None:
        assert kind("a1b2c3", "images/a1b2c3.jpg") == "file_name"
        assert kind("a1b2c3", "images/other.jpg") is None

    def test_a_file_that_was_named_by_its_caption_is_no_fault(self) -> None:
        assert kind("red bus", "images/red bus.jpg") is None

    @pytest.mark.parametrize(
        "caption", ["https://example.org/a?b=1", "www.example.org", "see https://example.org/shop/9"]
    )
    def test_addresses_are_addresses(self, caption: str) -> None:
        assert kind(caption) == "url"

    def test_an_address_beside_a_description_is_none(self) -> None:
        assert kind("a brown dog runs along the beach with a stick, www.dogs.org") is None

    @pytest.mark.parametrize("caption", ["2041", "12/03/2019 14:22", "...", "- 7 -"])
    def test_numbers_and_marks_alone_are_no_words(self, caption: str) -> None:
        assert kind(caption) == "no_words"

    @pytest.mark.parametrize("caption", ["N/A", "untitled", "Photo.", "[no caption]", "Click to enlarge image"])
    def test_placeholders_are_placeholders(self, caption: str) -> None:
        assert kind(caption) == "placeholder"

    @pytest.mark.parametrize(
        "caption",
        [
            "a dog",
            "Zwei Hunde spielen",
            "一只狗在跑",
            "a photo of 3 dogs",
            "P. T. Barnum at the circus",
            "a test tube",
            "scan 3 items",
            "scan 2000 pages a day",
        ],
    )
    def test_descriptions_are_left_alone(self, caption: str) -> None:
        assert kind(caption) is None

    def test_a_template_of_many_captions_is_boilerplate_with_their_number(self) -> None:
        captions = [f"Product no. {number}, front view" for number in range(30)]
        found = not_a_description(captions[3], None, boilerplate_templates(captions))
        assert found is not None
        assert (found.kind, found.template, found.n_pairs) == ("boilerplate", "product no. <number>, front view", 30)


class TestBoilerplateTemplates:
    def test_few_captions_make_no_template(self) -> None:
        assert not boilerplate_templates([f"page {number}" for number in range(19)])

    def test_without_a_number_a_caption_is_no_template(self) -> None:
        assert not boilerplate_templates(["a dog"] * 100)
