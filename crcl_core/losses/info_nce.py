"""InfoNCE: the symmetric cross entropy over a batch, which takes every pair for what its label says."""

from typing import final

from torch import Tensor, nn

from crcl_core.losses.matching_probability import matching_log_probabilities


@final
class InfoNceLoss(nn.Module):
    """Symmetric InfoNCE, each pair weighted by its label: mean_i y_i (-log p_ii - log r_ii) / 2.

    p and r are the matching probabilities of images and captions. The mean is over the batch and not over the sum of
    the labels, so a batch of doubtful pairs moves the weights little. Labels of 1 give the plain loss.

    Args:
        temperature: Divides the similarities, usually 0.05.

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding" (2018), in the symmetric
    form of CLIP (ICML 2021). The weights and the mask are ours.
    """

    def __init__(self, *, temperature: float = 0.05) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}, expected a number above 0")
        self.temperature = temperature

    def forward(self, similarities: Tensor, labels: Tensor, is_masked: Tensor | None = None) -> Tensor:
        """Computes the loss of a batch.

        Args:
            similarities: (B, B) float, row = image, column = caption; pairs on the diagonal.
            labels: (B,) float in [0, 1]; no gradient flows into them.
            is_masked: (B, B) bool or None; True where a caption is no negative of an image. Masked entries leave both
                softmaxes.

        Returns:
            Scalar, 0 or more; 0 for a batch of one, which has no negative.

        Raises:
            ValueError: A shape does not fit.
        """
        log_p, log_r = matching_log_probabilities(similarities, self.temperature, is_masked)
        if labels.shape != similarities.shape[:1]:
            raise ValueError(f"labels have the shape {tuple(labels.shape)}, expected {tuple(similarities.shape[:1])}")
        per_pair = -(log_p.diagonal() + log_r.diagonal()) / 2  # (B,)
        return (labels.detach().to(similarities) * per_pair).mean()
