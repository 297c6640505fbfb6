import pytest

from crcl_core.certification import Spread


class TestSpread:
    def test_the_interval_is_students(self) -> None:
        spread = Spread((1.0, 2.0, 3.0))
        # By hand: mean 2, deviation 1, t(2 degrees, 97.5 %) = 4.3027, divided by sqrt(3).
        assert spread.mean == 2.0
        assert spread.standard_deviation == 1.0
        assert spread.interval == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)

    def test_one_seed_has_no_spread(self) -> None:
        spread = Spread((5.0,))
        assert (spread.mean, spread.standard_deviation, spread.interval) == (5.0, None, None)
        assert spread.to_json() == {"mean": 5.0, "standard_deviation": None, "interval_95": None, "by_seed": [5.0]}
