import numpy as np
import pytest

from crcl_core.repair.segments import segments_above


def found(evidence: list[float], least: float) -> list[tuple[int, int, float]]:
    return list(segments_above(np.array(evidence), least))


class TestSegmentsAbove:
    def test_a_run_is_trimmed_to_its_largest_sum(self) -> None:
        assert found([-1, 2, 3, -1, 2, -5, 0], 4) == [(1, 5, 6.0)]

    def test_positions_that_add_nothing_stay_outside(self) -> None:
        assert found([0, 0, 5, 0, 0], 4) == [(2, 3, 5.0)]

    def test_what_adds_up_to_less_is_none(self) -> None:
        assert found([1, 1, 1], 4) == []

    def test_two_runs_that_a_gap_costs_more_than_either_are_two(self) -> None:
        assert sorted(found([5, -9, 6], 4)) == [(0, 1, 5.0), (2, 3, 6.0)]

    def test_two_runs_with_a_small_gap_are_one(self) -> None:
        assert found([5, -2, 6], 4) == [(0, 3, 9.0)]

    @pytest.mark.parametrize("evidence", [[], [-1.0], [0.0]])
    def test_where_nothing_speaks_for_a_run_there_is_none(self, evidence: list[float]) -> None:
        assert found(evidence, 0.5) == []

    def test_every_position_may_be_one(self) -> None:
        assert found([3.0], 3.0) == [(0, 1, 3.0)]
