import numpy as np
import pytest

from crcl_core.detection import mismatch_rate
from tests.crcl_core.detection.simulated_scores import simulate


class TestMismatchRate:
    @pytest.mark.parametrize("rate", [0.0, 0.2, 0.4, 0.6])
    def test_the_interval_holds_the_truth(self, rate: float) -> None:
        made = simulate(rate, seed=1)
        found = mismatch_rate(made.scores, made.decoy_scores, seed=0)
        assert found.low - 0.005 <= rate <= found.high + 0.005

    def test_fewer_decoys_widen_the_interval(self) -> None:
        many, few = simulate(0.4), simulate(0.4, n_decoys=60)
        wide = mismatch_rate(few.scores, few.decoy_scores, seed=0)
        narrow = mismatch_rate(many.scores, many.decoy_scores, seed=0)
        assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)

    def test_the_same_seed_gives_the_same_interval(self) -> None:
        made = simulate(0.4, n_pairs=500, n_decoys=200)
        assert mismatch_rate(made.scores, made.decoy_scores, seed=3) == mismatch_rate(
            made.scores, made.decoy_scores, seed=3
        )

    def test_without_decoys_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match="3 pairs and 0 decoys, expected one of each or more"):
            mismatch_rate(np.zeros(3), np.zeros(0), seed=0)
