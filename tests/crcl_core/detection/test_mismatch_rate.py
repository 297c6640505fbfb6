import numpy as np
import pytest

from crcl_core.detection import MismatchRate
from crcl_core.detection.decoy_mixture import DecoyMixture, fit_mixture
from crcl_core.detection.mismatch_rate import rate_with_interval
from crcl_core.types import DoubleArray
from tests.crcl_core.detection.simulated_scores import simulate


def _rate(scores: DoubleArray, decoy_scores: DoubleArray, seed: int = 0) -> MismatchRate:
    return rate_with_interval(fit_mixture(scores, decoy_scores), scores, decoy_scores, seed=seed)


class TestRateWithInterval:
    @pytest.mark.parametrize("rate", [0.0, 0.2, 0.4, 0.6])
    def test_the_interval_holds_the_truth(self, rate: float) -> None:
        made = simulate(rate, seed=1)
        found = _rate(made.scores, made.decoy_scores)
        assert found.low - 0.005 <= rate <= found.high + 0.005

    def test_fewer_decoys_widen_the_interval(self) -> None:
        many, few = simulate(0.4), simulate(0.4, n_decoys=60)
        wide = _rate(few.scores, few.decoy_scores)
        narrow = _rate(many.scores, many.decoy_scores)
        assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)

    def test_the_same_seed_gives_the_same_interval(self) -> None:
        made = simulate(0.4, n_pairs=500, n_decoys=200)
        assert _rate(made.scores, made.decoy_scores, 3) == _rate(made.scores, made.decoy_scores, 3)

    def test_without_decoys_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match="3 pairs and 0 decoys, expected one of each or more"):
            rate_with_interval(DecoyMixture(0.5, 2.0, 1.0), np.zeros(3), np.zeros(0), seed=0)
