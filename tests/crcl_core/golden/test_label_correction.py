"""Twenty steps of the official implementation, replayed: two rounds of five epochs of two batches of six pairs."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.correspondence import CorrespondenceLabels, estimate, refinement_phase
from crcl_core.losses import ActiveComplementaryLoss, LossParts
from tests.crcl_core.golden.reference import reference_array, reference_positions

_TOLERANCE = 1e-5
_WARMUP_EPOCHS = 2


@pytest.fixture(scope="module")
def replayed() -> list[tuple[LossParts, Tensor, Tensor]]:
    """For each step: the loss, its gradient with respect to the similarities, and all labels after it."""
    return list(_replay())


def _replay() -> Iterator[tuple[LossParts, Tensor, Tensor]]:
    labels = CorrespondenceLabels(12, momentum=0.8, floor=0.1)
    loss = ActiveComplementaryLoss(temperature=0.05, complementary_weight=5.0)
    steps = zip(reference_array("scc/similarities"), reference_positions(), strict=True)
    for values, (round_number, epoch, half) in steps:
        similarities = torch.tensor(values, requires_grad=True)  # (6, 6) float64
        pairs = torch.arange(6) + 6 * int(half)
        phase = refinement_phase(int(round_number), int(epoch), _WARMUP_EPOCHS)
        parts = loss(similarities, labels.update(pairs, estimate(similarities, 0.05), phase))
        parts.total.backward()
        assert similarities.grad is not None
        yield parts, similarities.grad, labels.labels.clone()


class TestLabelCorrection:
    def test_the_three_losses_equal_the_reference(self, replayed: list[tuple[LossParts, Tensor, Tensor]]) -> None:
        ours = torch.stack([torch.stack(parts) for parts, _, _ in replayed]).detach().numpy()
        expected = reference_array("scc/loss_active_complementary_total")
        np.testing.assert_allclose(ours, expected, rtol=0, atol=_TOLERANCE)

    def test_the_gradients_equal_the_reference(self, replayed: list[tuple[LossParts, Tensor, Tensor]]) -> None:
        ours = torch.stack([gradient for _, gradient, _ in replayed]).numpy()
        expected = reference_array("scc/grad_total_wrt_similarities")
        np.testing.assert_allclose(ours, expected, rtol=0, atol=_TOLERANCE)

    def test_the_labels_after_each_step_equal_the_reference(
        self, replayed: list[tuple[LossParts, Tensor, Tensor]]
    ) -> None:
        ours = torch.stack([labels for _, _, labels in replayed]).numpy()
        np.testing.assert_allclose(ours, reference_array("scc/labels_after_step"), rtol=0, atol=_TOLERANCE)

    def test_the_reference_floors_some_labels_and_not_others(self) -> None:
        labels = reference_array("scc/labels_after_step")[-1]
        assert 0 < np.count_nonzero(labels == 0) < len(labels)
