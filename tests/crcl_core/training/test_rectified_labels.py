import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.data import PairFeatures
from crcl_core.models import MatchingModel
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.rectified_labels import Judgement, judged, pair_losses, rectified_labels
from crcl_core.types import DoubleArray

CPU = torch.device("cpu")
MARGIN = 0.2


class _DotProduct(MatchingModel):
    """Similarity is the dot product of the features, and is wrong in training mode."""

    def similarities(self, images: Tensor, captions: Tensor) -> Tensor:
        return images @ captions.t() * (math.nan if self.training else 1.0)


def _features(n_pairs: int, seed: int = 0) -> PairFeatures:
    rng = np.random.default_rng(seed)
    images, captions = rng.normal(size=(2, n_pairs, 4)).astype(np.float32) / 3
    image_index = np.arange(n_pairs)
    image_index[1] = 0
    return PairFeatures(images, captions, image_index, np.arange(n_pairs))


def slow_losses(features: PairFeatures, batches: list[list[int]], *, masks_siblings: bool) -> DoubleArray:
    """Each pair's mean hinge over the negatives of its batch, both directions added, one negative at a time."""
    losses = np.zeros(features.n_pairs)
    images, captions = features.image_features, features.caption_features
    for batch in batches:
        for i in batch:
            image, caption = images[features.image_index[i]], captions[features.caption_index[i]]
            others = [
                j
                for j in batch
                if j != i and not (masks_siblings and features.image_index[j] == features.image_index[i])
            ]
            to_text = [max(0.0, MARGIN - image @ caption + image @ captions[features.caption_index[j]]) for j in others]
            to_image = [max(0.0, MARGIN - image @ caption + images[features.image_index[j]] @ caption) for j in others]
            losses[i] = (sum(to_text) + sum(to_image)) / max(1, len(others))
    return losses


def slow_prediction(losses: DoubleArray) -> list[float]:
    """How far each pair leads, against the mean lead of the best tenth, one pair at a time."""
    leads = [min(max(MARGIN - loss / 2, 0.0), MARGIN) for loss in losses.tolist()]
    best = sorted(leads, reverse=True)[: max(1, round(len(leads) / 10))]
    return [min(1.0, lead / (sum(best) / len(best))) for lead in leads]


class TestPairLosses:
    @pytest.mark.parametrize("masks_siblings", [True, False])
    def test_equal_the_slow_oracle(self, masks_siblings: bool) -> None:
        features = _features(9)
        batches = [[0, 1, 4, 8], [2, 3, 5], [6, 7]]
        tensors = [torch.tensor(batch) for batch in batches]
        losses = pair_losses(
            _DotProduct(), FeatureBank(features, CPU), tensors, margin=MARGIN, masks_siblings=masks_siblings
        )
        expected = slow_losses(features, batches, masks_siblings=masks_siblings)
        np.testing.assert_allclose(losses, expected, atol=1e-6)


class TestJudged:
    def test_predictions_equal_the_slow_oracle(self) -> None:
        losses = np.random.default_rng(0).uniform(0, 0.5, 40)
        judgement = judged(losses, np.zeros(40, dtype=np.bool_), margin=MARGIN, seed=0)
        np.testing.assert_allclose(judgement.prediction, slow_prediction(losses), atol=1e-12)

    def test_low_losses_are_clean(self) -> None:
        losses = np.array([0.0, 0.01, 0.02, 0.01, 0.39, 0.4, 0.41, 0.4])
        judgement = judged(losses, np.zeros(8, dtype=np.bool_), margin=MARGIN, seed=0)
        assert judgement.is_clean.tolist() == [True] * 4 + [False] * 4
        np.testing.assert_allclose(judgement.prediction, [1, 0.975, 0.95, 0.975, 0.025, 0, 0, 0], atol=1e-9)

    def test_held_out_pairs_are_divided_among_themselves(self) -> None:
        seen = np.array([0.0, 0.01, 0.02, 0.01, 0.29, 0.3, 0.31, 0.3])
        # Each loss is higher by as much as separates the clean from the noisy ones of those that were trained on.
        losses = np.concatenate([seen, seen + 0.3])
        judgement = judged(losses, np.arange(16) >= 8, margin=MARGIN, seed=0)
        np.testing.assert_allclose(judgement.posterior[:8], judgement.posterior[8:], atol=1e-6)

    def test_pairs_that_all_lag_behind_are_predicted_0(self) -> None:
        judgement = judged(np.full(6, 0.8), np.zeros(6, dtype=np.bool_), margin=MARGIN, seed=0)
        assert judgement.prediction.tolist() == [0] * 6

    def test_pairs_that_all_lead_are_clean_and_predicted_1(self) -> None:
        judgement = judged(np.zeros(6), np.zeros(6, dtype=np.bool_), margin=MARGIN, seed=0)
        assert judgement.prediction.tolist() == [1] * 6
        assert bool(judgement.is_clean.all())


class TestRectifiedLabels:
    def test_two_pairs_by_hand(self) -> None:
        own = Judgement(posterior=np.array([0.1, 0.9]), prediction=np.array([0.5, 0.2]))
        peer = Judgement(posterior=np.array([0.8, 0.3]), prediction=np.array([0.1, 0.6]))
        # The peer calls the first clean, 0.8 + 0.2 x 0.5, and the second noisy, (0.2 + 0.6) / 2.
        assert rectified_labels(own, peer).tolist() == pytest.approx([0.9, 0.4])

    def test_clean_pairs_keep_their_label(self) -> None:
        sure = Judgement(posterior=np.ones(3), prediction=np.array([0.0, 0.4, 1.0]))
        assert rectified_labels(sure, sure).tolist() == [1, 1, 1]

    def test_noisy_pairs_that_nobody_predicts_have_none(self) -> None:
        lost = Judgement(posterior=np.zeros(3), prediction=np.zeros(3))
        assert rectified_labels(lost, lost).tolist() == [0, 0, 0]
