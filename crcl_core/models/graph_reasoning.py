"""SGR's head: the nodes of a pair tell one another what they saw, a few times over."""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from crcl_core.models.matrix_product import linear
from crcl_core.models.xavier_linear import xavier_linear


@final
class GraphReasoning(nn.Module):
    """One step of reasoning: ReLU(Linear(softmax(Q K^T) X)), with Q and K linear in the nodes X and no scaling.

    Q and K are never computed. A query and a key meet in x_i W_q^T W_k x_j, plus b_q W_k x_j, plus terms that are the
    same for all keys j and so vanish in the softmax; the product W_q^T W_k is made first, which spares one of the three
    wide products of a step. The key's bias therefore has no influence and gets a gradient of zero.

    Args:
        similarity_dim: S.

    Source: SGRAF (AAAI 2021), "Similarity Graph Reasoning".
    """

    def __init__(self, similarity_dim: int) -> None:
        super().__init__()
        self.query = xavier_linear(similarity_dim, similarity_dim)
        self.key = xavier_linear(similarity_dim, similarity_dim)
        self.update = xavier_linear(similarity_dim, similarity_dim)

    def forward(self) -> "ReasoningStep":
        """Prepares the step: what is the same for all pairs is computed once for a batch of them."""
        # A zero times the key's bias: every weight of the model has a gradient, as optimisers and tests expect.
        bias = self.query.bias @ self.key.weight + 0 * self.key.bias
        meeting = self.key.weight.t() @ self.query.weight
        return ReasoningStep(meeting, bias, self.update.weight, self.update.bias)


class ReasoningStep(NamedTuple):
    """One step of reasoning with its weights, (S, S) and (S,), in the form that pairs meet them in."""

    meeting_weight: Tensor  # W_k^T W_q
    meeting_bias: Tensor  # W_k^T b_q
    update_weight: Tensor
    update_bias: Tensor

    def reason(self, nodes: Tensor, is_hidden: Tensor, *, n_wanted: int) -> Tensor:
        """Lets the nodes of each pair reason.

        Args:
            nodes: (P, N, S) float.
            is_hidden: (P, 1, N) bool; True where no node is, which none then listens to.
            n_wanted: How many of the first nodes to compute.

        Returns:
            (P, n_wanted, S), 0 or more.
        """
        asked = linear(nodes[:, :n_wanted], self.meeting_weight, self.meeting_bias)  # (P, n, S)
        edges = (asked @ nodes.transpose(1, 2)).masked_fill(is_hidden, float("-inf")).softmax(dim=-1)  # (P, n, N)
        heard = edges.to(nodes.dtype) @ nodes
        return torch.relu(linear(heard, self.update_weight, self.update_bias)).to(nodes.dtype)
