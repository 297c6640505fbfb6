"""Words in their context: token ids through an embedding and a bidirectional GRU."""

from typing import final

from torch import Tensor, nn

from crcl_core.models.bidirectional_gru import Packing, mean_of_directions, valid_positions

_INITIAL_WORD_RANGE = 0.1


@final
class WordEncoder(nn.Module):
    """Reads captions word by word, in both directions; a word's vector is the mean of the two.

    The vectors are not normalised: SAF and SGR scale each word to length 1, VSE-infinity pools them as they are.

    Args:
        vocabulary_size: Number of token ids, the padding 0 included.
        word_dim: Width of the word embedding; the paper takes 300.
        joint_dim: J, the width of a direction of the GRU; the paper takes 1024.
        dropout: Share of the embedded words' entries dropped in training; 0.4 in SAF and SGR, 0 in VSE-infinity.

    Raises:
        ValueError: A size is not positive, or dropout is outside [0, 1).
    """

    def __init__(self, vocabulary_size: int, word_dim: int, joint_dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        for name, size in (("vocabulary_size", vocabulary_size), ("word_dim", word_dim), ("joint_dim", joint_dim)):
            if size < 1:
                raise ValueError(f"{name} is {size}, expected 1 or more")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}, expected a number in [0, 1)")
        self.embedding = nn.Embedding(vocabulary_size, word_dim)
        nn.init.uniform_(self.embedding.weight, -_INITIAL_WORD_RANGE, _INITIAL_WORD_RANGE)
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(word_dim, joint_dim, bidirectional=True)

    @property
    def joint_dim(self) -> int:
        """J, the width of a word's vector."""
        return int(self.gru.hidden_size)

    def forward(self, captions: Tensor) -> tuple[Tensor, Tensor]:
        """Encodes a batch of captions.

        Args:
            captions: (B, T) int64 token ids, padded behind with 0; every row holds at least one token.

        Returns:
            The words (B, T', J), T' the longest caption of the batch, zeros behind a caption's last word; and the
            captions' lengths (B,) int64.

        Raises:
            ValueError: A caption has no token, or a padding before its last one.
        """
        lengths = caption_lengths(captions)
        if not len(captions):
            return self.embedding.weight.new_zeros(0, 0, self.joint_dim), lengths
        packing = Packing.of(lengths)
        tokens = packing.pack(captions)  # (V,)
        packed = mean_of_directions(self.gru, self.dropout(self.embedding(tokens)), packing)  # (V, J)
        return packing.unpack(packed), lengths


def caption_lengths(captions: Tensor) -> Tensor:
    """Counts the tokens of each caption.

    Args:
        captions: (B, T) token ids, padded behind with 0.

    Returns:
        (B,) int64, 1 or more.

    Raises:
        ValueError: A caption has no token, or a padding before its last one.
    """
    is_token = captions != 0
    lengths = is_token.sum(dim=1)
    is_wrong = (lengths == 0) | (is_token != valid_positions(lengths, captions.shape[1])).any(dim=1)
    if bool(is_wrong.any()):
        row = int(is_wrong.nonzero()[0])
        fault = "no token, expected at least one" if not lengths[row] else "a padding (0) before its last token"
        raise ValueError(f"caption {row} of the batch has {fault}")
    return lengths
