import numpy as np
import pytest
from scipy.stats import norm

from crcl_core.detection.decoy_mixture import DecoyMixture, fit_mixture, places_among_decoys
from crcl_core.types import DoubleArray
from tests.crcl_core.detection.simulated_scores import simulate


def _places_oracle(scores: DoubleArray, decoys: DoubleArray) -> list[float]:
    return [float(np.mean([(decoy < score) + 0.5 * (decoy == score) for decoy in decoys])) for score in scores]


class TestPlacesAmongDecoys:
    def test_equal_the_share_counted_one_decoy_at_a_time_ties_half(self) -> None:
        random = np.random.default_rng(0)
        scores, decoys = random.integers(0, 6, 40).astype(float), random.integers(0, 6, 25).astype(float)
        assert places_among_decoys(scores, decoys).tolist() == pytest.approx(_places_oracle(scores, decoys))

    def test_by_hand(self) -> None:
        places = places_among_decoys(np.array([0.0, 1.0, 5.0]), np.array([1.0, 2.0]))
        assert places.tolist() == [0.0, 0.25, 1.0]


class TestDecoyMixture:
    def test_the_probability_is_bayes_rule_on_two_normal_scores(self) -> None:
        mixture = DecoyMixture(rate=0.3, distance=2.0, spread=0.8)
        places = np.array([0.01, 0.3, 0.7, 0.999])
        score = norm.ppf(places)  # of the decoys; the clean pairs lie at distance / spread, spread 1 / spread.
        clean, wrong = 0.7 * norm.pdf(score, 2.0 / 0.8, 1 / 0.8), 0.3 * norm.pdf(score)
        assert mixture.mismatch_probability(places).tolist() == pytest.approx((wrong / (clean + wrong)).tolist())

    def test_the_shares_of_clean_pairs_are_those_of_normal_scores(self) -> None:
        scores = np.random.default_rng(0).normal(2.0 / 0.8, 1 / 0.8, 200_000)
        counted = np.histogram(norm.cdf(scores), bins=20, range=(0, 1))[0] / len(scores)
        assert DecoyMixture(0.3, 2.0, 0.8).clean_shares().tolist() == pytest.approx(counted.tolist(), abs=0.003)


class TestFitMixture:
    @pytest.mark.parametrize("rate", [0.0, 0.2, 0.4, 0.6])
    def test_the_rate_is_near_the_truth(self, rate: float) -> None:
        found = [fit_mixture(*simulate(rate, seed=seed)[:2]).rate for seed in range(4)]
        assert np.mean(found) == pytest.approx(rate, abs=0.03)

    def test_pairs_that_are_all_decoys_are_all_mismatches(self) -> None:
        random = np.random.default_rng(0)
        assert fit_mixture(random.normal(size=4_000), random.normal(size=1_000)).rate > 0.9

    def test_pairs_above_all_decoys_are_no_mismatches(self) -> None:
        assert fit_mixture(np.full(1_000, 9.0), np.linspace(0, 1, 300)).rate == 0
