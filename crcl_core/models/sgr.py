"""SGR: similarity nodes of each pair, reasoned over as a graph."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import final

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from crcl_core.models.block_scoring import PairBlock, score_in_blocks
from crcl_core.models.fragment_encoder import FragmentEncoder
from crcl_core.models.graph_reasoning import GraphReasoning, ReasoningStep
from crcl_core.models.matching_model import MatchingModel
from crcl_core.models.pair_blocks import DEFAULT_BUDGET_BYTES, PairMemory
from crcl_core.models.similarity_nodes import SimilarityNodes, nodes_of
from crcl_core.models.xavier_linear import xavier_linear

# So many nodes reason together: few enough to stay in a processor's cache from step to step.
_NODES_TOGETHER = 4096
# Arrays as wide as a node that a pair holds at a time, and of those the ones kept for the gradient: these for the
# nodes and those for each step of reasoning.
_N_WORKED, _N_KEPT = 8, 3
_N_WORKED_A_STEP, _N_KEPT_A_STEP = 4, 3


@final
class Sgr(MatchingModel):
    """Scores pairs by Similarity Graph Reasoning.

    Args:
        region_dim: D, width of a region's features.
        n_regions: R, the same for every image; batch normalisation keeps statistics a region.
        vocabulary_size: Number of token ids, the padding 0 included.
        joint_dim: J; the paper takes 1024.
        word_dim: Width of the word embedding; the paper takes 300.
        similarity_dim: S, width of a similarity node; the paper takes 256.
        n_steps: Steps of reasoning; the paper takes 3.
        dropout: Share of the embedded words' entries and of the global attention dropped in training; the paper's 0.4.
        memory_budget_bytes: What the pairs of a batch may take at a time, parameters and fragments aside.

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
        n_steps: int = 3,
        dropout: float = 0.4,
        memory_budget_bytes: int = DEFAULT_BUDGET_BYTES,
    ) -> None:
        super().__init__()
        if n_steps < 1:
            raise ValueError(f"n_steps is {n_steps}, expected 1 or more")
        self.encoder = FragmentEncoder(
            region_dim=region_dim,
            n_regions=n_regions,
            vocabulary_size=vocabulary_size,
            joint_dim=joint_dim,
            word_dim=word_dim,
            dropout=dropout,
        )
        self.nodes = SimilarityNodes(joint_dim, similarity_dim)
        self.reasoning = nn.ModuleList(GraphReasoning(similarity_dim) for _ in range(n_steps))
        self.score = xavier_linear(similarity_dim, 1)
        self._memory = PairMemory.of_nodes(
            memory_budget_bytes,
            similarity_dim,
            n_regions,
            _N_WORKED + n_steps * _N_WORKED_A_STEP,
            _N_KEPT + n_steps * _N_KEPT_A_STEP,
        )

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
        steps = [reasoning() for reasoning in self.reasoning]
        return score_in_blocks(partial(self._score, steps=steps), self.encoder(images, captions), self._memory)

    def _score(self, block: PairBlock, *, steps: Sequence[ReasoningStep]) -> Tensor:
        nodes = self.nodes(block)  # (I, C, N, S)
        is_hidden = ~nodes_of(block.captions.is_word)  # (C, N)
        n_images = max(1, _NODES_TOGETHER // is_hidden.numel())
        # Reasoning again for the gradient costs an eighth of a step; keeping it would take nine arrays of all nodes.
        reason: Callable[..., Tensor] = partial(checkpoint, self._reason, use_reentrant=False, preserve_rng_state=False)
        return torch.cat([reason(part, is_hidden, steps) for part in nodes.split(n_images)])

    def _reason(self, nodes: Tensor, is_hidden: Tensor, steps: Sequence[ReasoningStep]) -> Tensor:
        n_images, n_captions, n_nodes, _ = nodes.shape
        is_hidden = is_hidden.repeat(n_images, 1).unsqueeze(1)  # (I C, 1, N)
        nodes = nodes.flatten(0, 1)
        for step in steps[:-1]:
            nodes = step.reason(nodes, is_hidden, n_wanted=n_nodes)
        # Only the global node is scored, so the last step reasons for it alone.
        nodes = steps[-1].reason(nodes, is_hidden, n_wanted=1)
        return torch.sigmoid(self.score(nodes).to(nodes.dtype)).view(n_images, n_captions)
