"""The Active Complementary Loss of CRCL."""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from crcl_core.losses.matching_probability import matching_log_probabilities


class LossParts(NamedTuple):
    """One batch's loss and what it is made of; three scalars.

    Attributes:
        active: Mean active loss, before the labels weigh it.
        complementary: Mean complementary loss, before `complementary_weight`.
        total: What is minimised.
    """

    active: Tensor
    complementary: Tensor
    total: Tensor


@final
class ActiveComplementaryLoss(nn.Module):
    """Active Complementary Loss: learns fast from pairs believed to match, robustly from the others.

    With p and r the matching probabilities of images and captions and q = 1 - y:

        active(i)        = -log p_ii - log r_ii
        complementary(i) = sum_{j != i} tan p_ij / (sum_k tan p_ik)^q_i  +  the same with r
        total            = mean_i(y_i active(i)) + complementary_weight * mean_i(complementary(i))

    At y = 1 the complementary part is the plain sum over the negatives. At y = 0 the active part vanishes, and the
    complementary part of one query, summed over all K candidate positives, is the constant K - 1 in each direction: the
    symmetry that makes the loss robust.

    Args:
        temperature: Divides the similarities; the paper's tau, 0.05.
        complementary_weight: The paper's lambda, 5.

    Source: CRCL (NeurIPS 2023), "Active Complementary Loss". We deviate in two ways: log-softmax instead of an
    unguarded exponential, and the optional mask.
    """

    def __init__(self, *, temperature: float = 0.05, complementary_weight: float = 5.0) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}, expected a number above 0")
        if complementary_weight < 0:
            raise ValueError(f"complementary_weight is {complementary_weight}, expected 0 or more")
        self.temperature = temperature
        self.complementary_weight = complementary_weight

    def forward(self, similarities: Tensor, labels: Tensor, is_masked: Tensor | None = None) -> LossParts:
        """Computes the loss of a batch.

        Args:
            similarities: (B, B) float, row = image, column = caption; pairs on the diagonal.
            labels: (B,) float in [0, 1], the correspondence labels; no gradient flows into them.
            is_masked: (B, B) bool or None; True where a caption is no negative of an image. Masked entries leave both
                softmaxes and both sums.

        Raises:
            ValueError: A shape does not fit.
        """
        if labels.shape != similarities.shape[:1]:
            raise ValueError(f"labels have the shape {tuple(labels.shape)}, expected {tuple(similarities.shape[:1])}")
        labels = labels.detach().to(similarities)
        log_p, log_r = matching_log_probabilities(similarities, self.temperature, is_masked)
        active = -(log_p.diagonal() + log_r.diagonal())  # (B,)
        complementary = _complementary(log_p, labels) + _complementary(log_r, labels)  # (B,)
        total = (labels * active).mean() + self.complementary_weight * complementary.mean()
        return LossParts(active=active.mean(), complementary=complementary.mean(), total=total)


def _complementary(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    # tan of a masked entry is tan exp(-inf) = 0, so masked entries leave both sums by themselves.
    tangents = log_probabilities.exp().tan()  # (B, B): row = query, column = candidate
    is_positive = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    # Summed without the diagonal: "all minus the positive" would lose the small negatives to rounding.
    negatives = tangents.masked_fill(is_positive, 0.0).sum(dim=1)
    return negatives / (negatives + tangents.diagonal()).pow(1.0 - labels)
