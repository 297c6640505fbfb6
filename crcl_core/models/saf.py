"""SAF: similarity nodes of each pair, filtered by attention."""

from functools import partial
from typing import final

import torch
from torch import Tensor

from crcl_core.models.attention_filtration import AttentionFiltration, NodeStatistics
from crcl_core.models.block_scoring import PairBlock, score_in_blocks
from crcl_core.models.fragment_encoder import FragmentEncoder
from crcl_core.models.matching_model import MatchingModel
from crcl_core.models.pair_blocks import DEFAULT_BUDGET_BYTES, PairMemory
from crcl_core.models.similarity_nodes import SimilarityNodes, nodes_of
from crcl_core.models.xavier_linear import xavier_linear

# Arrays as wide as a node that a pair holds at a time, and of those the ones kept for the gradient.
_N_WORKED, _N_KEPT = 8, 3


@final
class Saf(MatchingModel):
    """Scores pairs by Similarity Attention Filtration.

    Args:
        region_dim: D, width of a region's features.
        n_regions: R, the same for every image; batch normalisation keeps statistics a region.
        vocabulary_size: Number of token ids, the padding 0 included.
        joint_dim: J; the paper takes 1024.
        word_dim: Width of the word embedding; the paper takes 300.
        similarity_dim: S, width of a similarity node; the paper takes 256.
        dropout: Share of the embedded words' entries and of the global attention dropped in training; the paper's 0.4.
        memory_budget_bytes: What the pairs of a batch may take at a time, parameters and fragments aside. In training
            one caption with all images is the least, since their attention is normalised together.

    Raises:
        ValueError: A size is not positive, or dropout is outside [0, 1).

    Source: Diao et al., "Similarity Reasoning and Filtration for Image-Text Matching", AAAI 2021, as CRCL takes it:
        with a sigmoid on the score.
    """

    def __init__(
        self,
        *,
        region_dim: int,
        n_regions: int,
        vocabulary_size: int,
        joint_dim: int = 1024,
        word_dim: int = 300,
        similarity_dim: int = 256,
        dropout: float = 0.4,
        memory_budget_bytes: int = DEFAULT_BUDGET_BYTES,
    ) -> None:
        super().__init__()
        self.encoder = FragmentEncoder(
            region_dim=region_dim,
            n_regions=n_regions,
            vocabulary_size=vocabulary_size,
            joint_dim=joint_dim,
            word_dim=word_dim,
            dropout=dropout,
        )
        self.nodes = SimilarityNodes(joint_dim, similarity_dim)
        self.filtration = AttentionFiltration(similarity_dim)
        self.score = xavier_linear(similarity_dim, 1)
        self._memory = PairMemory.of_nodes(memory_budget_bytes, similarity_dim, n_regions, _N_WORKED, _N_KEPT)

    def similarities(self, images: Tensor, captions: Tensor) -> Tensor:
        """Scores images against captions.

        Args:
            images: (I, R, D) float32.
            captions: (C, T) int64 token ids, padded behind with 0.

        Returns:
            (I, C) in (0, 1).

        Raises:
            ValueError: The images have another number or width of regions, or a caption has no token or a padding
                before its last one.
        """
        fragments = self.encoder(images, captions)
        # Filled block by block. A block that is scored again for its gradient writes the same numbers again.
        statistics = NodeStatistics(*fragments.regions.new_zeros(2, len(captions)))
        score = partial(self._score, statistics=statistics)
        scores = score_in_blocks(score, fragments, self._memory, needs_all_images=self.training)
        if self.training:
            self.filtration.track(statistics)
        return scores

    def _score(self, block: PairBlock, *, statistics: NodeStatistics) -> Tensor:
        filtered, of_block = self.filtration(self.nodes(block), nodes_of(block.captions.is_word))
        if self.training:
            for whole, part in zip(statistics, of_block, strict=True):
                whole[block.captions.places] = part
        return torch.sigmoid(self.score(filtered).squeeze(2).to(filtered.dtype))
