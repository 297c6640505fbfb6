"""The soft labels of NCR: what a network thinks of each pair, and what its peer's division makes of it."""

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from crcl_core.correspondence import low_loss_posterior
from crcl_core.losses import SoftMarginTripletLoss, negatives_mask
from crcl_core.models import MatchingModel
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.types import BoolArray, DoubleArray

# Pairs that the mixture gives to the clean component with more than this are clean.
_CLEAN_ABOVE = 0.5
# A prediction of 1 is what the best tenth of the pairs has on average.
_TOP_SHARE = 0.1


@final
@dataclass(frozen=True, eq=False)
class Judgement:
    """What a network thinks of N pairs.

    Attributes:
        posterior: (N,) in [0, 1], how likely a pair's loss belongs to the clean component.
        prediction: (N,) in [0, 1], how far a pair leads its negatives.
    """

    posterior: DoubleArray
    prediction: DoubleArray

    @property
    def is_clean(self) -> BoolArray:
        """(N,), how the mixture divides the pairs."""
        return self.posterior > _CLEAN_ABOVE


@torch.no_grad()
def pair_losses(
    model: MatchingModel, bank: FeatureBank, batches: list[Tensor], *, margin: float, masks_siblings: bool
) -> DoubleArray:
    """Computes each pair's triplet loss among its batch's negatives, all of them, in evaluation mode.

    Args:
        model: On the device of the features; left in evaluation mode.
        bank: Features.
        batches: (B,) int64 each; together all N pairs, each once.
        margin: Of the hinge.
        masks_siblings: Whether siblings and duplicates are no negatives.

    Returns:
        (N,), 0 or more; the mean hinge over the negatives, summed over both directions.
    """
    loss = SoftMarginTripletLoss(margin=margin, has_hardest_only=False)
    losses = np.zeros(sum(len(batch) for batch in batches))
    model.eval()
    for batch in batches:
        similarities = model(bank.image_rows(batch), bank.caption_rows(batch)).float()
        is_masked = negatives_mask(*bank.indices(batch)) if masks_siblings else None
        all_match = torch.ones(len(batch), device=similarities.device)
        losses[batch.numpy()] = loss.per_pair(similarities, all_match, is_masked).cpu().numpy()
    return losses


def judged(losses: DoubleArray, is_held_out: BoolArray, *, margin: float, seed: int) -> Judgement:
    """Judges pairs by their losses.

    Args:
        losses: (N,), see `pair_losses`.
        is_held_out: (N,), pairs that the model never saw. Their losses are higher for that alone, so they are divided
            among themselves.
        margin: That of the losses.
        seed: Of the mixtures.
    """
    posterior = np.empty(len(losses))
    for is_inside in (is_held_out, ~is_held_out):
        posterior[is_inside] = low_loss_posterior(losses[is_inside], seed=seed)
    # Two hinges of the full margin mean that a pair is no closer than its negatives.
    lead = np.clip(margin - losses / 2, 0, margin)
    n_top = max(1, round(_TOP_SHARE * len(lead)))
    best = np.sort(lead)[-n_top:].mean()
    prediction = np.minimum(lead / best, 1) if best > 0 else np.zeros(len(lead))
    return Judgement(posterior, prediction)


def rectified_labels(own: Judgement, peer: Judgement) -> DoubleArray:
    """Computes the soft labels (N,) in [0, 1] that a network learns from; its peer divides the pairs.

    A clean pair's label of 1 counts as much as the peer believes in it, and the network's own prediction the rest:
    w + (1 - w) p. A noisy pair's label is what both networks predict on average.

    Source: NCR (NeurIPS 2021), "co-rectify".
    """
    clean = peer.posterior + (1 - peer.posterior) * own.prediction
    return np.where(peer.is_clean, clean, (own.prediction + peer.prediction) / 2)
