"""Similarity nodes: what tells an image from a caption, once for both as a whole and once for each word."""

from typing import final

import torch
from torch import Tensor, nn

from crcl_core.models.block_scoring import PairBlock
from crcl_core.models.normalisation import scaled_to_unit
from crcl_core.models.squared_difference import linear_of_squared_difference
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
        regions, image_globals = block.images
        words, is_word, caption_globals, _ = block.captions
        n_images, (n_captions, n_words, _) = len(regions), words.shape
        weights = unit_context_weights(attention_weights(words, is_word, regions), regions)  # (I, C T, R)
        of_words = linear_of_squared_difference(
            weights, regions, words.flatten(0, 1), self.word.weight, self.word.bias
        ).view(n_images, n_captions, n_words, -1)
        # The global vectors are compared in the same way: one region an image, of weight 1.
        of_wholes = linear_of_squared_difference(
            image_globals.new_ones(n_images, n_captions, 1),
            image_globals.unsqueeze(1),
            caption_globals,
            self.whole.weight,
            self.whole.bias,
        ).unsqueeze(2)  # (I, C, 1, S)
        return scaled_to_unit(torch.cat((of_wholes, of_words), dim=2).to(words.dtype))


def nodes_of(is_word: Tensor) -> Tensor:
    """(C, T) bool, which words are there -> (C, 1 + T), which nodes are."""
    return torch.cat((is_word.new_ones(len(is_word), 1), is_word), dim=1)
