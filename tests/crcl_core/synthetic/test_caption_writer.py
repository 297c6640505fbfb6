import re
from dataclasses import replace

import pytest

from crcl_core.synthetic import Caption, CaptionStyle, n_contradictions, sample_scene, write_caption
from crcl_core.synthetic.scene import SceneFacts, Shape
from crcl_core.synthetic.vocabulary import (
    BACKDROP_NOUNS,
    BACKDROP_TAILS,
    COLOUR_WORDS,
    COUNT_WORDS,
    NOUNS,
    PLACE_WORDS,
    SIZE_WORDS,
    TEXTURE_ADJECTIVES,
    TEXTURE_TAILS,
    with_article,
)


def noun_at(text: str, shape: Shape) -> int:
    """Where a caption names a shape."""
    forms = "|".join(form for noun in NOUNS[shape] for form in noun)
    found = re.search(rf"(?<![\w-])({forms})(?![\w-])", text, re.IGNORECASE)
    assert found is not None
    return found.start()


FACTS = [sample_scene(11, number).facts for number in range(400)]
WRITTEN: list[tuple[SceneFacts, Caption]] = [
    (facts, write_caption(facts, CaptionStyle(10 * number + style)))
    for number, facts in enumerate(FACTS)
    for style in range(3)
]


def says(text: str, words: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(words.casefold())}(?![\w-])", text.casefold()) is not None


def says_any(text: str, options: tuple[str, ...]) -> bool:
    return any(says(text, words) for words in options)


class TestWriteCaption:
    def test_no_caption_contradicts_its_picture(self) -> None:
        assert all(n_contradictions(caption.claims, facts) == 0 for facts, caption in WRITTEN)

    def test_what_is_claimed_of_a_group_stands_in_the_text(self) -> None:
        for _, caption in WRITTEN:
            for group in caption.claims.groups:
                nouns = tuple(noun[group.count > 1] for noun in NOUNS[group.shape])
                phrases = [f"{colour} {noun}" for colour in COLOUR_WORDS[group.colour] for noun in nouns]
                assert says_any(caption.text, tuple(phrases))
                assert group.count == 1 or says_any(caption.text, COUNT_WORDS[group.count])
                assert group.size is None or says_any(caption.text, SIZE_WORDS[group.size])
                if group.texture is not None:
                    words = TEXTURE_ADJECTIVES[group.texture] + TEXTURE_TAILS[group.texture]
                    assert says_any(caption.text, words)

    def test_what_is_claimed_of_place_and_backdrop_stands_in_the_text(self) -> None:
        for _, caption in WRITTEN:
            claims = caption.claims
            assert claims.place is None or says_any(caption.text, PLACE_WORDS[claims.place])
            if claims.backdrop_kind is not None:
                phrases = BACKDROP_TAILS[claims.backdrop_kind] + BACKDROP_NOUNS[claims.backdrop_kind]
                parts = [part.strip() for phrase in phrases for part in phrase.removeprefix("a ").split("{}")]
                assert says_any(caption.text, tuple(part for part in parts if len(part) > 4))
            assert claims.backdrop_colour is None or says_any(caption.text, COLOUR_WORDS[claims.backdrop_colour])

    def test_no_shape_is_named_that_is_not_claimed(self) -> None:
        for _, caption in WRITTEN:
            claimed = {group.shape for group in caption.claims.groups}
            # Some nouns hold others ("crescent moon" none, "tree" in "fir tree"), all within one shape.
            for shape in set(Shape) - claimed:
                assert not says_any(caption.text, tuple(form for noun in NOUNS[shape] for form in noun)), caption.text

    def test_no_size_or_place_is_named_that_is_not_claimed(self) -> None:
        for _, caption in WRITTEN:
            if all(group.size is None for group in caption.claims.groups):
                assert not any(says_any(caption.text, words) for words in SIZE_WORDS.values())
            if caption.claims.place is None and caption.claims.order is None:
                assert not any(says_any(caption.text, words) for words in PLACE_WORDS.values())

    def test_the_order_of_two_groups_is_told_by_the_words_between_them(self) -> None:
        for _, caption in WRITTEN:
            claims = caption.claims
            if claims.order is None or len(claims.groups) != 2:
                continue
            starts = [noun_at(caption.text, group.shape) for group in claims.groups]
            between = caption.text[min(starts) : max(starts)]
            is_reversed = says_any(between, ("right of", "to the right of", "below", "under"))
            is_forward = says_any(between, ("left of", "above", "over", "on the left", "on top"))
            assert is_reversed is not is_forward, caption.text
            assert (starts[0] > starts[1]) is is_reversed, caption.text

    def test_all_sentences_start_with_a_capital_and_have_no_double_space(self) -> None:
        for _, caption in WRITTEN:
            assert caption.text[0].isupper()
            assert "  " not in caption.text
            assert "{}" not in caption.text

    def test_articles_fit_the_next_word(self) -> None:
        for _, caption in WRITTEN:
            assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiou]", caption.text), caption.text

    def test_the_same_style_writes_the_same_caption(self) -> None:
        assert write_caption(FACTS[0], CaptionStyle(5)) == write_caption(FACTS[0], CaptionStyle(5))

    def test_styles_vary_the_caption(self) -> None:
        assert len({write_caption(FACTS[0], CaptionStyle(style)).text for style in range(40)}) > 20

    def test_one_altered_attribute_changes_nothing_but_its_words(self) -> None:
        for number, facts in enumerate(FACTS[:100]):
            first = facts.groups[0]
            other = replace(facts, groups=(replace(first, count=first.count % 6 + 1), *facts.groups[1:]))
            style = CaptionStyle(number)
            before, after = write_caption(facts, style).claims, write_caption(other, style).claims
            assert replace(after.groups[0], count=first.count) == before.groups[0]
            assert replace(after, groups=before.groups) == before


class TestWithArticle:
    @pytest.mark.parametrize(
        ("phrase", "expected"), [("orange ring", "an orange ring"), ("a red ring", "a red ring"), ("a aqua", "an aqua")]
    )
    def test_the_sound_decides(self, phrase: str, expected: str) -> None:
        assert with_article(phrase) == expected
