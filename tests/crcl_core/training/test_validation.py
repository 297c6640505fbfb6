import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.data import PairFeatures
from crcl_core.models import MatchingHeads
from crcl_core.training.validation import held_out_r_sum

N_PAIRS = 30


@pytest.fixture
def heads() -> MatchingHeads:
    """Untrained heads of a joint space: they leave every vector's direction as it is."""
    return MatchingHeads(N_PAIRS, N_PAIRS, 4, has_joint_space=True)


def _features(image_of_caption: list[int]) -> PairFeatures:
    """Caption i describes image `image_of_caption[i]`, and pair i claims image i for it."""
    own = np.eye(N_PAIRS, dtype=np.float32)
    return PairFeatures(own, own[image_of_caption], np.arange(N_PAIRS), np.arange(N_PAIRS))


def _r_sum(heads: MatchingHeads, features: PairFeatures, held_out: Tensor, weights: list[float]) -> float:
    return held_out_r_sum(heads, features, held_out, np.array(weights), torch.device("cpu"))


TRUE = list(range(N_PAIRS))
# Captions 2 and 3 changed places.
SWAPPED = [0, 1, 3, 2, *range(4, N_PAIRS)]
FIRST_FOUR = torch.arange(4)


class TestHeldOutRSum:
    def test_pairs_that_are_all_retrieved_first_give_600(self, heads: MatchingHeads) -> None:
        assert _r_sum(heads, _features(TRUE), FIRST_FOUR, [1, 1, 1, 1]) == pytest.approx(600)

    def test_a_swapped_pair_loses_its_share_of_both_first_places(self, heads: MatchingHeads) -> None:
        # Among four candidates all are within the first five.
        assert _r_sum(heads, _features(SWAPPED), FIRST_FOUR, [1, 1, 1, 1]) == pytest.approx(2 * (50 + 100 + 100))

    def test_pairs_count_by_their_weight(self, heads: MatchingHeads) -> None:
        r_sum = _r_sum(heads, _features(SWAPPED), FIRST_FOUR, [1, 1, 0.5, 0])
        assert r_sum == pytest.approx(2 * (80 + 100 + 100))

    def test_pairs_of_no_weight_do_not_count(self, heads: MatchingHeads) -> None:
        assert _r_sum(heads, _features(SWAPPED), FIRST_FOUR, [1, 1, 0, 0]) == pytest.approx(600)

    def test_without_any_weight_all_pairs_count_alike(self, heads: MatchingHeads) -> None:
        assert _r_sum(heads, _features(SWAPPED), FIRST_FOUR, [0, 0, 0, 0]) == pytest.approx(500)

    def test_only_held_out_images_and_captions_compete(self, heads: MatchingHeads) -> None:
        # Twenty images outside equal image 0; did they compete, caption 0 would tie with all of them.
        features = _features(TRUE)
        images = features.image_features.copy()
        images[10:] = images[0]
        crowded = PairFeatures(images, features.caption_features, features.image_index, features.caption_index)
        assert _r_sum(heads, crowded, torch.tensor([0, 2, 4]), [1, 1, 1]) == pytest.approx(600)

    def test_it_leaves_the_heads_in_evaluation_mode(self, heads: MatchingHeads) -> None:
        _r_sum(heads.train(), _features(TRUE), FIRST_FOUR, [1, 1, 1, 1])
        assert not heads.training
