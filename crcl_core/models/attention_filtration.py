"""SAF's head: the nodes of a pair summed up by how much each of them tells."""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from crcl_core.models.normalisation import scaled_to_unit
from crcl_core.models.xavier_linear import xavier_linear

_EPSILON = 1e-8


class NodeStatistics(NamedTuple):
    """Mean and variance of the attention of each caption's nodes, all images together; both (C,)."""

    mean: Tensor
    unbiased_variance: Tensor


@final
class AttentionFiltration(nn.Module):
    """Filters nodes: sigmoid(BN(Linear(node))), divided by their sum over the nodes, weighs them; the sum has length 1.

    In training, batch normalisation takes the statistics of a caption over its nodes with all images, so they do not
    depend on what other captions are in the batch. The running statistics move once a caption, in the order of the
    captions in the batch, as they do in the reference, which scores one caption after the other.

    Args:
        similarity_dim: S.

    Source: SGRAF (AAAI 2021), "Similarity Attention Filtration".
    """

    def __init__(self, similarity_dim: int) -> None:
        super().__init__()
        self.attention = xavier_linear(similarity_dim, 1)
        self.attention_norm = nn.BatchNorm1d(1)

    def forward(self, nodes: Tensor, is_node: Tensor) -> tuple[Tensor, NodeStatistics]:
        """Filters the nodes of each pair.

        Args:
            nodes: (I, C, N, S) float; in training, all images of the batch.
            is_node: (C, N) bool.

        Returns:
            (I, C, S), each of length 1, and what `track` wants in training; in evaluation, the running statistics.
        """
        logits = self.attention(nodes).squeeze(-1).to(nodes.dtype)  # (I, C, N)
        n_values = len(nodes) * is_node.sum(dim=1)  # (C,)
        mean, variance = self._statistics(logits, is_node, n_values)
        norm = self.attention_norm
        scale = norm.weight * (variance + norm.eps).rsqrt()  # (C,)
        normalised = (logits - mean[:, None]) * scale[:, None] + norm.bias
        attention = normalised.sigmoid() * is_node
        attention = attention / (attention.sum(dim=-1, keepdim=True) + _EPSILON)
        filtered = (attention.unsqueeze(2) @ nodes).squeeze(2).to(nodes.dtype)  # (I, C, S)
        unbiased = variance.detach() * n_values / (n_values - 1).clamp_min(1)
        return scaled_to_unit(filtered), NodeStatistics(mean.detach(), unbiased)

    def track(self, statistics: NodeStatistics) -> None:
        """Moves the running statistics by those of a batch, caption after caption in the batch's order."""
        norm = self.attention_norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        assert norm.momentum is not None
        n_captions = len(statistics.mean)
        kept = 1 - norm.momentum
        # Caption k of n is followed by n - 1 - k others, each of which leaves a share of it.
        powers = torch.arange(n_captions - 1, -1, -1, device=statistics.mean.device)
        shares = norm.momentum * kept**powers
        for running, values in ((norm.running_mean, statistics.mean), (norm.running_var, statistics.unbiased_variance)):
            running.mul_(kept**n_captions).add_((shares * values).sum())
        norm.num_batches_tracked += n_captions

    def _statistics(self, logits: Tensor, is_node: Tensor, n_values: Tensor) -> tuple[Tensor, Tensor]:
        norm = self.attention_norm
        if not self.training:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            return norm.running_mean.expand(len(is_node)), norm.running_var.expand(len(is_node))
        mean = (logits * is_node).sum(dim=(0, 2)) / n_values  # (C,)
        squares = (logits - mean[:, None]).square() * is_node
        return mean, squares.sum(dim=(0, 2)) / n_values
