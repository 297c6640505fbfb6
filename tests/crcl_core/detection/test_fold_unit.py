import numpy as np
import pytest

from crcl_core.detection import FoldUnit
from crcl_core.detection.fold_unit import choose_fold_unit, label_agreement


class TestLabelAgreement:
    def test_is_one_where_all_captions_of_an_image_have_one_label(self) -> None:
        assert label_agreement(np.array([0, 0, 1, 1]), np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(1)

    def test_by_hand(self) -> None:
        # Means 0.5 and 0.75; between 2 * 2 * 0.125^2 / 1 = 0.0625, within (0.5 + 0.125) / 2 = 0.3125, size 2.
        labels = np.array([0.0, 1.0, 0.5, 1.0])
        assert label_agreement(np.array([0, 0, 1, 1]), labels) == pytest.approx((0.0625 - 0.3125) / (0.0625 + 0.3125))

    def test_of_independent_labels_is_near_nothing(self) -> None:
        image_index = np.repeat(np.arange(2_000), 5)
        labels = np.random.default_rng(0).random(len(image_index))
        assert label_agreement(image_index, labels) == pytest.approx(0, abs=0.03)

    @pytest.mark.parametrize(
        ("image_index", "labels"), [([0, 1, 2], [0.1, 0.2, 0.3]), ([0, 0], [0.0, 1.0]), ([0, 0, 1], [1.0, 1.0, 1.0])]
    )
    def test_is_nothing_where_it_cannot_be_known(self, image_index: list[int], labels: list[float]) -> None:
        assert label_agreement(np.array(image_index), np.array(labels)) == 0


class TestChooseFoldUnit:
    def test_captions_that_are_wrong_together_leave_together(self) -> None:
        image_index = np.repeat(np.arange(100), 5)
        together = np.repeat(np.arange(100) % 5 > 1, 5) * 0.9 + np.random.default_rng(0).random(500) * 0.1
        assert choose_fold_unit(image_index, together) is FoldUnit.IMAGE

    def test_captions_that_are_wrong_one_by_one_do_not(self) -> None:
        image_index = np.repeat(np.arange(100), 5)
        assert choose_fold_unit(image_index, np.random.default_rng(0).random(500)) is FoldUnit.PAIR

    def test_one_caption_an_image_is_folded_by_pair(self) -> None:
        assert choose_fold_unit(np.arange(10), np.linspace(0, 1, 10)) is FoldUnit.PAIR
