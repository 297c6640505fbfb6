import pytest

from app.core.histogram import share_below


class TestShareBelow:
    @pytest.mark.parametrize(
        ("threshold", "expected"), [(0.0, 0.0), (0.25, 0.1), (0.5, 0.3), (0.625, 0.45), (0.75, 0.6), (1.0, 1.0)]
    )
    def test_bins_are_spread_evenly(self, threshold: float, expected: float) -> None:
        assert share_below([1, 2, 3, 4], threshold) == pytest.approx(expected)

    def test_of_no_value_nothing_is_known(self) -> None:
        assert share_below([0, 0], 0.5) is None
