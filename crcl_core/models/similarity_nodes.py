"""Similarity nodes: what tells an image from a caption, once for both as a whole and once for each word."""

from typing import final

import torch
from torch import Tensor, nn

from crcl_core.models.block_scoring import PairBlock
from crcl_core.models.node_comparison import Compared, Layer, compare
from crcl_core.models.word_region_attention import attention_weights, unit_context_weights
from crcl_core.models.xavier_linear import xavier_linear


@final
class SimilarityNodes(nn.Module):
    """Builds the nodes of every pair: norm(Linear((a - b)^2)), a of the image and b of the caption.

    Node 0 compares the global vectors, node 1 + t the context of word t, see `attention_weights`, with the word.

    Args:
        joint_dim: J.
        similarity_dim: S, width of a node; the paper takes 256.

    Raises:
        ValueError: similarity_dim is not positive.

    Source: SGRAF (AAAI 2021), "Similarity Representation Learning".
    """

    def __init__(self, joint_dim: int, similarity_dim: int) -> None:
        super().__init__()
        if similarity_dim < 1:
            raise ValueError(f"similarity_dim is {similarity_dim}, expected 1 or more")
        self.whole = xavier_linear(joint_dim, similarity_dim)
        self.word = xavier_linear(joint_dim, similarity_dim)

    def forward(self, block: PairBlock) -> Tensor:
        """Compares every image of a block with every caption of it.

        Returns:
            (I, C, 1 + T, S), each node of length 1; those behind a caption's last word mean nothing.
        """
        images, captions = block
        weights = attention_weights(captions.words, captions.is_word, images.regions)
        compared = Compared(
            unit_context_weights(weights, images.region_products),
            images.regions,
            captions.words,
            images.image_globals,
            captions.caption_globals,
        )
        return compare(compared, Layer(self.whole.weight, self.whole.bias), Layer(self.word.weight, self.word.bias))


def nodes_of(is_word: Tensor) -> Tensor:
    """(C, T) bool, which words are there -> (C, 1 + T), which nodes are."""
    return torch.cat((is_word.new_ones(len(is_word), 1), is_word), dim=1)
