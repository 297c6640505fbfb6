import pytest

from crcl_core.data import normalise_caption


class TestNormaliseCaption:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("A dog, running!", "a dog running"),
            ("  two\t\nwords ", "two words"),
            ("snake_case don't", "snake case don t"),
            ("Straße", "strasse"),
            ("ﬁve ①", "five 1"),
            ("CAFÉ", "café"),
            ("", ""),
            (" \n", ""),
        ],
    )
    def test_keeps_only_words(self, text: str, expected: str) -> None:
        assert normalise_caption(text) == expected

    def test_a_letter_and_its_accent_equal_the_accented_letter(self) -> None:
        assert normalise_caption("café") == normalise_caption("cafe\u0301")

    def test_vowel_signs_tell_words_apart(self) -> None:
        assert normalise_caption("कि") != normalise_caption("की")

    def test_captions_without_words_are_not_all_duplicates(self) -> None:
        assert normalise_caption("☀") != normalise_caption("☂")

    @pytest.mark.parametrize("character", ["ᾳ", "ΐ", "İ", "ǰ", "K", "ﷺ", "½", "\u0345"])
    def test_normalising_twice_changes_nothing(self, character: str) -> None:
        once = normalise_caption(f"a{character}b")
        assert normalise_caption(once) == once
