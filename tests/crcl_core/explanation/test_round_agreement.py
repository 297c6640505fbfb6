import numpy as np
import pytest

from crcl_core.explanation.round_agreement import round_estimates, uncertain_pairs

BOTH = np.array([0, 1])


class TestRoundEstimates:
    def test_what_earlier_epochs_left_is_taken_out(self) -> None:
        # y = 0.8 * 1 + 0.2 * p with p = 0.5, then 0.8 * 0.9 + 0.2 * p with p = 0.25.
        history = np.array([[0.9, 0.9], [0.9, 0.77]], dtype=np.float16)
        estimates = round_estimates(history, [1, 1], momentum=0.8, pairs=BOTH)
        assert estimates[0] == pytest.approx([0.5, 0.5], abs=5e-3)
        assert estimates[1] == pytest.approx([0.9, 0.25], abs=5e-3)

    def test_a_momentum_of_one_leaves_the_labels(self) -> None:
        history = np.array([[1.0, 0.5], [0.25, 0.75]], dtype=np.float16)
        assert round_estimates(history, [2], momentum=1.0, pairs=BOTH).tolist() == [[0.25, 0.75]]

    def test_only_wanted_pairs_and_finished_rounds_are_told(self) -> None:
        history = np.ones((3, 5), dtype=np.float16)
        assert round_estimates(history, [2, 2], momentum=0.8, pairs=np.array([4])).shape == (1, 1)

    def test_estimates_stay_in_their_range(self) -> None:
        history = np.array([[0.0], [1.0]], dtype=np.float16)
        assert round_estimates(history, [1, 1], momentum=0.8, pairs=np.array([0])).tolist() == [[0.0], [1.0]]


class TestUncertainPairs:
    def test_rounds_that_lie_half_the_range_apart_disagree(self) -> None:
        found = uncertain_pairs(np.array([[0.25, 0.25], [0.75, 0.5]], dtype=np.float32), np.array([7, 9]))
        assert list(found) == [7]
        assert (found[7].rounds, found[7].spread) == ((0.25, 0.75), 0.5)

    def test_one_round_has_nothing_to_disagree_with(self) -> None:
        assert not uncertain_pairs(np.array([[0.0, 1.0]], dtype=np.float32), BOTH)
