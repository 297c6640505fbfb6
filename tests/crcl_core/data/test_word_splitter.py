import pytest

from crcl_core.data.word_splitter import split_words, word_spans


class TestSplitWords:
    @pytest.mark.parametrize(
        ("caption", "words"),
        [
            ("A dog, running.", ["a", "dog", ",", "running", "."]),
            ("a man 's dog .", ["a", "man", "'s", "dog", "."]),
            ("A man's dog isn't here", ["a", "man", "'s", "dog", "is", "n't", "here"]),
            ("the dogs' toys", ["the", "dogs", "'", "toys"]),
            ("five o'clock t-shirt", ["five", "o'clock", "t-shirt"]),
            ("1,000 people at 12:30, 3.5 km", ["1,000", "people", "at", "12:30", ",", "3.5", "km"]),
            ('a sign says "stop" .', ["a", "sign", "says", "``", "stop", "''", "."]),
            ('("hi")', ["(", "``", "hi", "''", ")"]),
            ("well... so--no", ["well", "...", "so", "--", "no"]),
            ("in the U.S. today", ["in", "the", "u.s.", "today"]),
            ("rock & roll #1 $5", ["rock", "&", "roll", "#", "1", "$", "5"]),
            ("cat,dog", ["cat", ",", "dog"]),
            ("", []),
            (" \t\n", []),
        ],
    )
    def test_splits_english_as_the_published_vocabularies_were_built(self, caption: str, words: list[str]) -> None:
        assert split_words(caption) == words

    @pytest.mark.parametrize(
        ("caption", "words"),
        [
            ("Ein Mädchen grüßt.", ["ein", "mädchen", "grüßt", "."]),
            ("the man\u2019s \u201cdog\u201d", ["the", "man", "'s", "``", "dog", "''"]),
            ("一只狗。", ["一", "只", "狗", "。"]),
            ("हिन्दी की", ["हिन्दी", "की"]),
            ("dog 🐕\ufe0f!", ["dog", "🐕", "!"]),
            ("so\u00adft \u200bword", ["so", "ft", "word"]),
            ("well…", ["well", "..."]),
        ],
    )
    def test_reads_every_script(self, caption: str, words: list[str]) -> None:
        assert split_words(caption) == words

    def test_a_letter_and_its_accent_equal_the_accented_letter(self) -> None:
        assert split_words("cafe\u0301") == split_words("CAFÉ") == ["café"]

    def test_wide_letters_equal_narrow_ones(self) -> None:
        assert split_words("\uff24\uff2f\uff27") == ["dog"]

    def test_a_lone_surrogate_is_no_error(self) -> None:
        assert split_words("dog \ud83d") == ["dog", "\ud83d"]


class TestWordSpans:
    @pytest.mark.parametrize("caption", ["A man's dog, isn't", "Ein \u201eHu\u0308ndchen\u201c \u2019s", 'say "hi"'])
    def test_cover_everything_but_white_space_once(self, caption: str) -> None:
        covered = "".join(caption[span.start : span.end] for span in word_spans(caption))
        assert covered == "".join(caption.split())

    def test_name_the_place_in_the_caption_as_given(self) -> None:
        caption = "A CAFE\u0301 here"
        places = {span.word: caption[span.start : span.end] for span in word_spans(caption)}
        assert places["café"] == "CAFE\u0301"
