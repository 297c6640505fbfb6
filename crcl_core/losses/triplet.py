"""The triplet loss with the hardest negatives of a batch (VSE++)."""

import math
from typing import final

import torch
from torch import Tensor, nn


@final
class HardestTripletLoss(nn.Module):
    """Hinge of each pair against its hardest negative caption and its hardest negative image.

        mean_i y_i ([margin - S_ii + max_{j != i} S_ij]_+  +  [margin - S_ii + max_{j != i} S_ji]_+)

    The two directions are added and the batch is averaged. The original sums over the batch instead, which with an
    optimiser that normalises its steps differs only in what the gradient's clipping sees.

    Args:
        margin: How far a negative must stay behind, 0.2.

    Source: Faghri et al., "VSE++" (BMVC 2018), the max hinge. The weights and the mask are ours.
    """

    def __init__(self, *, margin: float = 0.2) -> None:
        super().__init__()
        if not 0 <= margin < math.inf:
            raise ValueError(f"margin is {margin}, expected a finite number of 0 or more")
        self.margin = margin

    def forward(self, similarities: Tensor, labels: Tensor, is_masked: Tensor | None = None) -> Tensor:
        """Computes the loss of a batch.

        Args:
            similarities: (B, B) float, row = image, column = caption; pairs on the diagonal.
            labels: (B,) float in [0, 1], the weights of the pairs; no gradient flows into them.
            is_masked: (B, B) bool or None; True where a caption is no negative of an image, and so is never chosen.

        Returns:
            Scalar, 0 or more; 0 where no pair has a negative.

        Raises:
            ValueError: A shape does not fit.
        """
        require_batch(similarities, labels, is_masked)
        negatives = negatives_only(similarities, is_masked)  # (B, B)
        positives = similarities.diagonal()
        cost = torch.zeros_like(positives)
        for direction in (1, 0):  # Over the captions of an image, then over the images of a caption.
            # A pair without negatives has a hardest one of -inf, whose hinge and gradient are 0.
            cost = cost + (self.margin - positives + negatives.amax(dim=direction)).clamp(min=0)
        return (labels.detach().to(similarities) * cost).mean()


def negatives_only(similarities: Tensor, is_masked: Tensor | None) -> Tensor:
    """Returns the similarities (B, B) with -inf on the diagonal and where `is_masked` says "no negative"."""
    is_excluded = torch.eye(len(similarities), dtype=torch.bool, device=similarities.device)
    if is_masked is not None:
        is_excluded = is_excluded | is_masked
    return similarities.masked_fill(is_excluded, -math.inf)


def require_batch(similarities: Tensor, labels: Tensor, is_masked: Tensor | None) -> None:
    """Checks what a triplet loss takes: (B, B) similarities, (B,) labels and a (B, B) bool mask or None.

    Raises:
        ValueError: A shape does not fit.
    """
    shape = tuple(similarities.shape)
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        raise ValueError(f"similarities have the shape {shape}, expected (B, B) with B of 1 or more")
    if tuple(labels.shape) != shape[:1]:
        raise ValueError(f"labels have the shape {tuple(labels.shape)}, expected {shape[:1]}")
    if is_masked is not None and (tuple(is_masked.shape) != shape or is_masked.dtype != torch.bool):
        raise ValueError(f"is_masked is {is_masked.dtype} {tuple(is_masked.shape)}, expected torch.bool {shape}")
