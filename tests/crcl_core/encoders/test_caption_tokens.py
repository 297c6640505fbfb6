"""Tests of tokenising and batching captions."""

import numpy as np
import pytest

from crcl_core.encoders.caption_tokens import MAX_TOKENS, CaptionTokens
from crcl_core.encoders.pinned_weights import CAPTION_TOKENIZER

START, END = 101, 102


@pytest.fixture(scope="module")
def tokens() -> CaptionTokens:
    return CaptionTokens(CAPTION_TOKENIZER)


class TestCaptionTokens:
    def test_every_caption_comes_once(self, tokens: CaptionTokens) -> None:
        captions = ["a dog " * (1 + number * 7 % 11) for number in range(50)]

        positions = np.concatenate([chosen for chosen, _, _ in tokens.batches(captions, 8)])

        assert sorted(positions.tolist()) == list(range(50))

    def test_lengths_rise_so_that_little_is_padded(self, tokens: CaptionTokens) -> None:
        captions = ["dog " * (1 + number % 20) for number in range(200)]

        n_real = n_all = 0
        for _, ids, mask in tokens.batches(captions, 10):
            n_real += int(mask.sum())
            n_all += ids.size

        assert n_real == n_all

    def test_the_mask_marks_the_word_pieces(self, tokens: CaptionTokens) -> None:
        ((positions, ids, mask),) = tokens.batches(["a big brown dog", "dog"], 2)

        assert positions.tolist() == [1, 0]
        assert mask.tolist() == [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]]
        assert ids[0, [0, 2]].tolist() == [START, END]
        assert ids[0, 3:].tolist() == [0, 0, 0]

    def test_a_long_caption_is_cut(self, tokens: CaptionTokens) -> None:
        ((_, ids, _),) = tokens.batches(["dog " * 1000], 1)

        assert ids.shape == (1, MAX_TOKENS)
        assert ids[0, -1] == END

    def test_an_empty_caption_keeps_its_two_marks(self, tokens: CaptionTokens) -> None:
        ((_, ids, mask),) = tokens.batches([""], 1)

        assert ids.tolist() == [[START, END]]
        assert mask.tolist() == [[1, 1]]

    def test_what_utf8_cannot_hold_is_a_question_mark(self, tokens: CaptionTokens) -> None:
        ((_, ids, _),) = tokens.batches(["dog \ud800", "dog ?"], 2)

        assert ids[0].tolist() == ids[1].tolist()

    def test_nothing_gives_nothing(self, tokens: CaptionTokens) -> None:
        assert list(tokens.batches([], 4)) == []
