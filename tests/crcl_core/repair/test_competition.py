import numpy as np
import pytest

from crcl_core.repair.competition import let_compete


class TestLetCompete:
    def test_an_image_that_two_captions_want_goes_to_the_surer_and_the_other_takes_its_second(self) -> None:
        images = np.array([[0, 1], [0, 1]])
        shared = let_compete(images, np.array([[0.8, 0.1], [0.5, 0.4]]), np.array([1.0, 1.0]))
        assert shared[0, 0] > shared[1, 0]
        assert shared[1, 1] > shared[1, 0]

    def test_no_image_is_expected_to_get_more_than_it_lost(self) -> None:
        images = np.zeros((5, 1), dtype=np.int64)
        shared = let_compete(images, np.full((5, 1), 0.9), np.array([1.0]))
        assert shared.sum() == pytest.approx(1.0, rel=0.05)
        assert np.ptp(shared) == 0

    def test_what_nobody_else_wants_gains_but_is_not_sure(self) -> None:
        (shared,) = let_compete(np.array([[0]]), np.array([[0.3]]), np.array([1.0]))
        assert 0.3 < shared[0] < 0.9

    def test_a_candidate_that_is_not_there_stays_at_0(self) -> None:
        (shared,) = let_compete(np.array([[1, -1]]), np.array([[0.4, 0.0]]), np.array([1.0, 1.0]))
        assert shared[1] == 0

    def test_no_caption_is_no_competition(self) -> None:
        assert let_compete(np.empty((0, 2), dtype=np.int64), np.empty((0, 2)), np.ones(3)).shape == (0, 2)
