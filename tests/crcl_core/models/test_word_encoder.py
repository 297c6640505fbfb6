import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.models.bidirectional_gru import valid_positions
from crcl_core.models.word_encoder import WordEncoder, caption_lengths
from crcl_core.types import DoubleArray, IntArray

_CAPTIONS = torch.tensor([[3, 4, 0, 0, 0], [5, 6, 7, 8, 0], [9, 0, 0, 0, 0]])


class TestWordEncoder:
    def test_equals_the_slow_oracle(self) -> None:
        encoder = _encoder()
        words, lengths = encoder(_CAPTIONS)
        for row, caption in enumerate(_CAPTIONS):
            expected = _oracle(encoder, np.asarray(caption[: lengths[row]], dtype=np.int64))
            np.testing.assert_allclose(words[row, : lengths[row]].detach(), expected, atol=1e-6)

    def test_positions_behind_the_last_word_are_zeros(self) -> None:
        words, lengths = _encoder()(_CAPTIONS)
        assert lengths.tolist() == [2, 4, 1]
        assert not words[~valid_positions(lengths, 4)].any()

    def test_trims_to_the_longest_caption_of_the_batch(self) -> None:
        assert _encoder()(_CAPTIONS)[0].shape == (3, 4, 6)

    def test_a_caption_does_not_depend_on_its_company(self) -> None:
        encoder = _encoder()
        words, _ = encoder(_CAPTIONS)
        torch.testing.assert_close(encoder(_CAPTIONS[:1])[0], words[:1, :2])

    def test_a_word_knows_what_follows_it(self) -> None:
        encoder = _encoder()
        first, _ = encoder(torch.tensor([[3, 4]]))
        second, _ = encoder(torch.tensor([[3, 5]]))
        assert not torch.allclose(first[0, 0], second[0, 0])

    def test_no_captions_give_no_words(self) -> None:
        words, lengths = _encoder()(torch.zeros(0, 5, dtype=torch.int64))
        assert (len(words), len(lengths)) == (0, 0)
        assert words.shape[2] == 6

    def test_drops_in_training_only(self) -> None:
        encoder = WordEncoder(10, 8, 6, dropout=0.5)
        assert not torch.equal(encoder(_CAPTIONS)[0], encoder(_CAPTIONS)[0])
        encoder.eval()
        assert torch.equal(encoder(_CAPTIONS)[0], encoder(_CAPTIONS)[0])

    def test_refuses_a_caption_without_a_token(self) -> None:
        with pytest.raises(ValueError, match="caption 1 of the batch has no token, expected at least one"):
            _encoder()(torch.tensor([[3, 4], [0, 0]]))

    def test_refuses_a_padding_within_a_caption(self) -> None:
        with pytest.raises(ValueError, match=r"caption 0 of the batch has a padding \(0\) before its last token"):
            _encoder()(torch.tensor([[3, 0, 4]]))

    @pytest.mark.parametrize("name", ["vocabulary_size", "word_dim", "joint_dim"])
    def test_refuses_a_size_of_zero(self, name: str) -> None:
        sizes = [0 if name == other else 2 for other in ("vocabulary_size", "word_dim", "joint_dim")]
        with pytest.raises(ValueError, match=f"{name} is 0, expected 1 or more"):
            WordEncoder(*sizes)

    def test_refuses_to_drop_everything(self) -> None:
        with pytest.raises(ValueError, match="dropout is 1"):
            WordEncoder(2, 2, 2, dropout=1.0)


class TestCaptionLengths:
    def test_counts_the_tokens(self) -> None:
        assert caption_lengths(_CAPTIONS).tolist() == [2, 4, 1]


def _encoder() -> WordEncoder:
    torch.manual_seed(0)
    return WordEncoder(10, 3, 6)


def _oracle(encoder: WordEncoder, caption: IntArray) -> DoubleArray:
    """(T,) ids -> (T, J): both directions step by step, as the GRU's equations say."""
    embedded = _double(encoder.embedding.weight)[caption]
    onward = _run_direction(encoder, embedded, "")
    backward = _run_direction(encoder, embedded[::-1], "_reverse")[::-1]
    return np.asarray((onward + backward) / 2)


def _run_direction(encoder: WordEncoder, embedded: DoubleArray, suffix: str) -> DoubleArray:
    weights = {name: _double(getattr(encoder.gru, f"{name}_l0{suffix}")) for name in _GRU_WEIGHTS}
    hidden = np.zeros(encoder.gru.hidden_size)
    states = []
    for word in embedded:
        reset_in, update_in, new_in = np.split(weights["weight_ih"] @ word + weights["bias_ih"], 3)
        reset_hidden, update_hidden, new_hidden = np.split(weights["weight_hh"] @ hidden + weights["bias_hh"], 3)
        update = _sigmoid(update_in + update_hidden)
        new = np.tanh(new_in + _sigmoid(reset_in + reset_hidden) * new_hidden)
        hidden = (1 - update) * new + update * hidden
        states.append(hidden)
    return np.stack(states)


_GRU_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _sigmoid(values: DoubleArray) -> DoubleArray:
    return np.asarray(1 / (1 + np.exp(-values)))


def _double(weights: Tensor) -> DoubleArray:
    return np.asarray(weights.detach(), dtype=np.float64)
