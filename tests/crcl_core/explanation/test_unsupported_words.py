from collections.abc import Sequence

import numpy as np
import pytest

from crcl_core.explanation.unsupported_words import WordedPair, leave_words_out, unsupported_words
from crcl_core.types import FloatArray

DOG = np.array([1.0, 0.0], dtype=np.float32)


def embed(texts: Sequence[str]) -> FloatArray:
    """A space where a frisbee stands at a right angle to everything else."""
    rows = np.array([[1.0, float("frisbee" in text)] for text in texts], dtype=np.float32)
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


class TestUnsupportedWords:
    def test_words_without_which_the_caption_fits_better_are_unsupported_the_worst_first(self) -> None:
        found = unsupported_words(["a", "dog", "(frisbee)", "snow"], 0.5, [0.5, 0.25, 0.75, 0.625])
        assert found is not None
        assert [(word.word, word.position, word.rise) for word in found.words] == [
            ("frisbee", 2, 0.25),
            ("snow", 3, 0.125),
        ]

    def test_a_small_rise_is_none(self) -> None:
        assert unsupported_words(["a", "dog"], 0.5, [0.52, 0.5]) is None

    def test_where_most_words_are_unsupported_the_caption_is_wrong_and_not_its_words(self) -> None:
        assert unsupported_words(["a", "dog", "runs"], 0.0, [0.5, 0.5, 0.0]) is None


class TestLeaveWordsOut:
    def test_each_caption_is_read_without_each_of_its_words(self) -> None:
        found = dict(leave_words_out([WordedPair(5, "a dog, a frisbee!", DOG)], embed, max_captions=5))
        (word,) = found[5].words
        assert (word.word, word.position) == ("frisbee", 3)
        assert word.rise == pytest.approx(1 - 2**-0.5)
        assert found[5].similarity == pytest.approx(2**-0.5)

    def test_the_budget_ends_it_before_the_caption_that_would_exceed_it(self) -> None:
        pairs = [WordedPair(number, "dog with frisbee", DOG) for number in range(3)]
        asked: list[int] = []

        def counting(texts: Sequence[str]) -> FloatArray:
            asked.append(len(texts))
            return embed(texts)

        assert list(dict(leave_words_out(pairs, counting, max_captions=8))) == [0, 1]
        assert asked == [4, 4]

    def test_a_single_word_cannot_be_left_out(self) -> None:
        assert not dict(leave_words_out([WordedPair(0, "frisbee", DOG)], embed, max_captions=10))
