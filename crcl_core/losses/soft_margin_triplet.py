"""The triplet loss of NCR, whose margin follows each pair's soft label."""

import math
from typing import final

import torch
from torch import Tensor, nn

from crcl_core.losses.triplet import negatives_only, require_batch


@final
class SoftMarginTripletLoss(nn.Module):
    """Hinge of each pair at a margin between 0 (label 0) and the full one (label 1).

        margin_i = (m^{y_i} - 1) / (m - 1) * margin
        mean_i ([margin_i - S_ii + max_{j != i} S_ij]_+  +  [margin_i - S_ii + max_{j != i} S_ji]_+)

    The labels set the margins and weigh nothing: at label 0 a pair must still not fall behind its hardest negative.
    As in `HardestTripletLoss` the two directions are added and the batch is averaged.

    Args:
        margin: The full margin, the paper's alpha, 0.2.
        curve: The paper's m, 10: the higher, the closer to 1 a label must be for its margin to be large.
        has_hardest_only: False puts the mean of the hinges over all negatives in place of the hardest one's, for the
            warm-up, where the hardest negatives of an untrained model are noise.

    Source: Huang et al., "Learning with Noisy Correspondence for Cross-modal Matching" (NeurIPS 2021), the soft margin
    and the triplet ranking loss. The mask, and the mean over the negatives where the paper sums, are ours.
    """

    def __init__(self, *, margin: float = 0.2, curve: float = 10.0, has_hardest_only: bool = True) -> None:
        super().__init__()
        if not 0 <= margin < math.inf:
            raise ValueError(f"margin is {margin}, expected a finite number of 0 or more")
        if not 1 < curve < math.inf:
            raise ValueError(f"curve is {curve}, expected a finite number above 1")
        self.margin = margin
        self.curve = curve
        self.has_hardest_only = has_hardest_only

    def forward(self, similarities: Tensor, labels: Tensor, is_masked: Tensor | None = None) -> Tensor:
        """Computes the loss of a batch: the mean of `per_pair`, a scalar of 0 or more."""
        return self.per_pair(similarities, labels, is_masked).mean()

    def per_pair(self, similarities: Tensor, labels: Tensor, is_masked: Tensor | None = None) -> Tensor:
        """Computes each pair's loss.

        Args:
            similarities: (B, B) float, row = image, column = caption; pairs on the diagonal.
            labels: (B,) float in [0, 1]; no gradient flows into them.
            is_masked: (B, B) bool or None; True where a caption is no negative of an image.

        Returns:
            (B,), 0 or more; 0 where a pair has no negative.

        Raises:
            ValueError: A shape does not fit.
        """
        require_batch(similarities, labels, is_masked)
        margins = self.margins(labels.detach().to(similarities))
        positives = similarities.diagonal()
        negatives = negatives_only(similarities, is_masked)
        return self._cost(margins - positives, negatives) + self._cost(margins - positives, negatives.t())

    def margins(self, labels: Tensor) -> Tensor:
        """Computes the soft margins (B,) of labels (B,)."""
        return (torch.pow(self.curve, labels) - 1) / (self.curve - 1) * self.margin

    def _cost(self, offsets: Tensor, negatives: Tensor) -> Tensor:
        """(B,) offsets, (B, B) negatives with a row for each query -> (B,)."""
        if self.has_hardest_only:
            return (offsets + negatives.amax(dim=1)).clamp(min=0)
        # What is no negative is -inf, so its hinge is 0 and only the count must leave it out.
        n_negatives = negatives.isfinite().sum(dim=1).clamp(min=1)
        return (offsets[:, None] + negatives).clamp(min=0).sum(dim=1) / n_negatives
