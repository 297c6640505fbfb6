"""Self-refining Correspondence Correction (SCC): the labels that training corrects while it learns from them."""

from enum import StrEnum
from typing import final

import torch
from torch import Tensor

from crcl_core.losses import matching_log_probabilities


class RefinementPhase(StrEnum):
    """What a training step does to the labels of its pairs."""

    FROZEN = "frozen"  # Warm-up: a fresh model knows nothing yet.
    STARTING = "starting"  # Last warm-up epoch of the first round: the first estimates replace the initial ones.
    REFINING = "refining"  # Momentum correction.


def refinement_phase(round_number: int, epoch: int, warmup_epochs: int) -> RefinementPhase:
    """Says what an epoch of a round (both counted from 0) does to the labels."""
    if epoch >= warmup_epochs:
        return RefinementPhase.REFINING
    if round_number == 0 and epoch == warmup_epochs - 1:
        return RefinementPhase.STARTING
    return RefinementPhase.FROZEN


@torch.no_grad()
def estimate(similarities: Tensor, temperature: float, is_masked: Tensor | None = None) -> Tensor:
    """Estimates how likely each pair of a batch matches: the mean of its two matching probabilities.

    Args:
        similarities: (B, B) float, row = image, column = caption; pairs on the diagonal.
        temperature: Divides the similarities.
        is_masked: (B, B) bool or None, as in `matching_log_probabilities`.

    Returns:
        (B,) in [0, 1], without gradient; the paper's p hat.

    Source: CRCL (NeurIPS 2023), "Self-refining Correspondence Correction".
    """
    log_p, log_r = matching_log_probabilities(similarities, temperature, is_masked)
    matching_probability: Tensor = (log_p.diagonal().exp() + log_r.diagonal().exp()) / 2
    return matching_probability


@final
class CorrespondenceLabels:
    """Soft labels of all pairs, refined once a pair and epoch: y <- momentum * y + (1 - momentum) * estimate.

    `labels` is the paper's y: below `floor` it becomes 0, which is nearly absorbing and ties many pairs.
    `shadow_labels` follows the same momentum without the floor and so ranks them: the report's score. Both start at 1,
    or where an earlier training of the same pairs left them.

    Args:
        n_pairs: N.
        momentum: The paper's alpha, 0.8.
        floor: Labels below it count as 0; the paper's 0.1.
        initial: (N,) in [0, 1] what is known of the pairs already, NaN = nothing; None = nothing of any. The first
            estimates correct what is known, and replace what is not.

    Source: CRCL (NeurIPS 2023), "Self-refining Correspondence Correction". The shadow labels are ours.
    """

    def __init__(
        self, n_pairs: int, *, momentum: float = 0.8, floor: float = 0.1, initial: Tensor | None = None
    ) -> None:
        if n_pairs < 0:
            raise ValueError(f"n_pairs is {n_pairs}, expected 0 or more")
        for name, value in (("momentum", momentum), ("floor", floor)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, expected a number in [0, 1]")
        self.momentum = momentum
        self.floor = floor
        # float64 on the CPU: hundreds of momentum steps accumulate, and the labels must not depend on the device.
        self.labels = torch.ones(n_pairs, dtype=torch.float64)  # (N,)
        self.shadow_labels = torch.ones(n_pairs, dtype=torch.float64)  # (N,)
        self._is_known = torch.zeros(n_pairs, dtype=torch.bool)
        if initial is not None:
            self._start_from(initial)

    def update(self, pairs: Tensor, estimates: Tensor, phase: RefinementPhase) -> Tensor:
        """Takes one batch's estimates and returns the labels that its loss must use.

        Args:
            pairs: (B,) int64 on the CPU, each pair at most once.
            estimates: (B,) in [0, 1]; see `estimate`.
            phase: `REFINING` corrects first and returns the corrected labels. `FROZEN` and `STARTING` return the old
                labels, floored for the loss only; `STARTING` then stores the estimates, unfloored.

        Returns:
            (B,) float64 in [0, 1] on the CPU.
        """
        estimates = estimates.detach().to(device="cpu", dtype=torch.float64)
        if phase is RefinementPhase.REFINING:
            self.labels[pairs] = self._floored(self._moved(self.labels[pairs], estimates))
            self.shadow_labels[pairs] = self._moved(self.shadow_labels[pairs], estimates)
            return self.labels[pairs]
        for_loss = self._floored(self.labels[pairs])
        if phase is RefinementPhase.STARTING:
            is_known = self._is_known[pairs]
            for labels in (self.labels, self.shadow_labels):
                labels[pairs] = torch.where(is_known, self._moved(labels[pairs], estimates), estimates)
        return for_loss

    def state_dict(self) -> dict[str, Tensor]:
        """Copies the two label vectors, so that later updates do not reach into a saved state."""
        return {"labels": self.labels.clone(), "shadow_labels": self.shadow_labels.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Takes over what `state_dict` returned.

        Raises:
            ValueError: It belongs to another number of pairs.
        """
        for name in ("labels", "shadow_labels"):
            found, expected = tuple(state[name].shape), tuple(self.labels.shape)
            if found != expected:
                raise ValueError(f"{name} have the shape {found}, expected {expected}")
        self.labels = state["labels"].to(device="cpu", dtype=torch.float64, copy=True)
        self.shadow_labels = state["shadow_labels"].to(device="cpu", dtype=torch.float64, copy=True)

    def _start_from(self, initial: Tensor) -> None:
        if initial.shape != self.labels.shape:
            raise ValueError(f"initial has the shape {tuple(initial.shape)}, expected {tuple(self.labels.shape)}")
        initial = initial.to(device="cpu", dtype=torch.float64)
        self._is_known = ~initial.isnan()
        known = initial[self._is_known]
        if ((known < 0) | (known > 1)).any():
            raise ValueError(f"initial reaches from {known.min()} to {known.max()}, expected numbers in [0, 1] or NaN")
        self.labels[self._is_known] = known
        self.shadow_labels[self._is_known] = known

    def _moved(self, labels: Tensor, estimates: Tensor) -> Tensor:
        return self.momentum * labels + (1.0 - self.momentum) * estimates

    def _floored(self, labels: Tensor) -> Tensor:
        return torch.where(labels < self.floor, 0.0, labels)
