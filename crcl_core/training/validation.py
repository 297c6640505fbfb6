"""How well a model retrieves pairs that it was not trained on."""

import torch
from torch import Tensor

from crcl_core.losses import negatives_mask

RECALL_RANKS = (1, 5, 10)


def weighted_r_sum(
    image_embeddings: Tensor, caption_embeddings: Tensor, weights: Tensor, image_index: Tensor, caption_index: Tensor
) -> float:
    """Sums R@1, R@5 and R@10 of both directions over held-out pairs, each pair counting by its weight.

    A pair that is probably mismatched should not be retrieved; weighing by the labels keeps it from choosing the model.
    Siblings and duplicate captions are no competitors, as in training.

    Args:
        image_embeddings: (n, J), row i the image of held-out pair i.
        caption_embeddings: (n, J), row i its caption.
        weights: (n,) float, 0 or more; all equal when their sum is 0.
        image_index: (n,) int64.
        caption_index: (n,) int64.

    Returns:
        r_sum in [0, 600].
    """
    similarities = image_embeddings @ caption_embeddings.t()  # (n, n): row = image, column = caption
    similarities.masked_fill_(negatives_mask(image_index, caption_index), float("-inf"))
    weights = weights.to(dtype=torch.float64, device="cpu")
    if not weights.sum() > 0:
        weights = torch.ones_like(weights)
    shares = weights / weights.sum()
    r_sum = 0.0
    for queries in (similarities, similarities.t()):
        # Ties count against the model: a collapsed one, all similarities equal, retrieves nothing.
        ranks = (queries >= queries.diagonal()[:, None]).sum(dim=1).cpu()  # (n,), 1 = first
        r_sum += sum(100.0 * float(shares[ranks <= k].sum()) for k in RECALL_RANKS)
    return r_sum
