"""Matching probabilities of a batch: softmax over its captions for each image, and over its images for each caption."""

import torch
from torch import Tensor


def matching_log_probabilities(
    similarities: Tensor, temperature: float, is_masked: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Computes the logarithms of the matching probabilities p (image to text) and r (text to image).

    Logarithms rather than probabilities: `log_softmax` subtracts the maximum, so no similarity overflows.

    Args:
        similarities: (B, B) float, row = image, column = caption; pairs on the diagonal.
        temperature: Divides the similarities; above 0.
        is_masked: (B, B) bool, or None. True where a caption is no negative of an image (a sibling caption, a duplicate
            caption): left out of both softmaxes, its log probability is -inf. The diagonal is never masked.

    Returns:
        Two (B, B) tensors. Row i of the first: image i over the captions; of the second: caption i over the images.

    Raises:
        ValueError: The similarities are not square, the mask has another shape, or the temperature is not above 0.

    Source: CRCL (NeurIPS 2023), the definition of p under "Active Complementary Loss"; the mask is ours.
    """
    _require_square(similarities, is_masked, temperature)
    logits = similarities / temperature  # (B, B): row = image, column = caption
    if is_masked is not None:
        logits = logits.masked_fill(is_masked, float("-inf"))
    return logits.log_softmax(dim=1), logits.t().log_softmax(dim=1)


def negatives_mask(image_index: Tensor, caption_index: Tensor) -> Tensor:
    """Marks what must not count as a negative: pairs that share an image (siblings) or a caption (duplicates).

    On a corpus of 1,000 pairs with five captions an image, half of the rows of a batch of 128 hold a sibling, which
    would cap the matching probability near 1 / (1 + siblings).

    Args:
        image_index: (B,) int64, equal for pairs of one image.
        caption_index: (B,) int64, equal for pairs of one normalised caption.

    Returns:
        (B, B) bool, symmetric, False on the diagonal.
    """
    is_same = (image_index[:, None] == image_index[None, :]) | (caption_index[:, None] == caption_index[None, :])
    return is_same.fill_diagonal_(fill_value=False)


def _require_square(similarities: Tensor, is_masked: Tensor | None, temperature: float) -> None:
    shape = tuple(similarities.shape)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"similarities have the shape {shape}, expected (B, B)")
    if is_masked is not None and (tuple(is_masked.shape) != shape or is_masked.dtype != torch.bool):
        raise ValueError(f"is_masked is {is_masked.dtype} {tuple(is_masked.shape)}, expected torch.bool {shape}")
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}, expected a number above 0")
