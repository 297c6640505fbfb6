"""Fragments: the regions of images and the words of captions in one space, with a global vector of each."""

from typing import NamedTuple, final

from torch import Tensor, nn

from crcl_core.models.bidirectional_gru import valid_positions
from crcl_core.models.global_vectors import CaptionGlobal, ImageGlobal
from crcl_core.models.matrix_product import linear
from crcl_core.models.normalisation import scaled_to_unit
from crcl_core.models.word_encoder import WordEncoder
from crcl_core.models.xavier_linear import xavier_linear


class Fragments(NamedTuple):
    """What SAF and SGR compare; all vectors have length 1, in the precision of the model's weights."""

    regions: Tensor  # (I, R, J)
    image_globals: Tensor  # (I, J)
    words: Tensor  # (C, T, J), zeros behind a caption's last word
    lengths: Tensor  # (C,) int64, words of each caption
    caption_globals: Tensor  # (C, J)


@final
class FragmentEncoder(nn.Module):
    """Encodes images and captions for SAF and SGR.

    Args:
        region_dim: D, width of a region's features.
        n_regions: R, the same for every image.
        vocabulary_size: Number of token ids, the padding 0 included.
        joint_dim: J.
        word_dim: Width of the word embedding.
        dropout: Share of the embedded words' entries, and of the attention of the global vectors, dropped in training.

    Raises:
        ValueError: A size is not positive, or dropout is outside [0, 1).
    """

    def __init__(
        self, *, region_dim: int, n_regions: int, vocabulary_size: int, joint_dim: int, word_dim: int, dropout: float
    ) -> None:
        super().__init__()
        for name, size in (("region_dim", region_dim), ("n_regions", n_regions)):
            if size < 1:
                raise ValueError(f"{name} is {size}, expected 1 or more")
        self.region_dim = region_dim
        self.n_regions = n_regions
        self.word_encoder = WordEncoder(vocabulary_size, word_dim, joint_dim, dropout=dropout)
        self.region_projection = xavier_linear(region_dim, joint_dim)
        self.image_global = ImageGlobal(joint_dim, n_regions, dropout=dropout)
        self.caption_global = CaptionGlobal(joint_dim, dropout=dropout)

    def forward(self, images: Tensor, captions: Tensor) -> Fragments:
        """Encodes (I, R, D) float32 regions and (C, T) int64 token ids, padded behind with 0.

        Raises:
            ValueError: The images have another number or width of regions, or a caption has no token or a padding
                before its last one.
        """
        if images.shape[1:] != (self.n_regions, self.region_dim):
            raise ValueError(
                f"images have the shape {tuple(images.shape)}, expected (I, {self.n_regions}, {self.region_dim}):"
                " SAF and SGR are built for one number of regions"
            )
        precision = self.region_projection.weight.dtype
        projection = self.region_projection
        regions = scaled_to_unit(linear(images, projection.weight, projection.bias).to(precision))
        words, lengths = self.word_encoder(captions)
        words = scaled_to_unit(words.to(precision))
        is_word = valid_positions(lengths, words.shape[1])
        return Fragments(
            regions,
            self.image_global(regions).to(precision),
            words,
            lengths,
            self.caption_global(words, is_word).to(precision),
        )
