import math

import numpy as np
import pytest

from crcl_core.correspondence import low_loss_posterior
from crcl_core.evaluation import auroc
from crcl_core.types import DoubleArray


def _losses(n_clean: int, n_noisy: int, seed: int = 0) -> DoubleArray:
    """Clean pairs first."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(1.0, 0.2, n_clean), rng.normal(3.0, 0.5, n_noisy)])


def slow_mixture(losses: DoubleArray, n_steps: int = 300) -> tuple[list[float], list[float], list[float]]:
    """Expectation maximisation written one pair at a time: means, variances and weights, the low component first."""
    low, high = min(losses), max(losses)
    values = [(loss - low) / (high - low) for loss in losses]
    means, variances, weights = [0.1, 0.9], [0.05, 0.05], [0.5, 0.5]
    for _ in range(n_steps):
        shares = []
        for value in values:
            densities = [
                weights[k]
                * math.exp(-((value - means[k]) ** 2) / (2 * variances[k]))
                / math.sqrt(2 * math.pi * variances[k])
                for k in (0, 1)
            ]
            shares.append([density / sum(densities) for density in densities])
        for k in (0, 1):
            total = sum(share[k] for share in shares)
            means[k] = sum(share[k] * value for share, value in zip(shares, values, strict=True)) / total
            squares = [share[k] * (value - means[k]) ** 2 for share, value in zip(shares, values, strict=True)]
            variances[k] = sum(squares) / total + 5e-4
            weights[k] = total / len(values)
    return means, variances, weights


class TestLowLossPosterior:
    def test_equals_the_slow_oracle_between_the_means(self) -> None:
        losses = _losses(120, 80)
        means, variances, weights = slow_mixture(losses)
        normalised = (losses - losses.min()) / (losses.max() - losses.min())
        is_between = (normalised > means[0]) & (normalised < means[1])
        densities = [
            weights[k] * np.exp(-((normalised - means[k]) ** 2) / (2 * variances[k])) / np.sqrt(variances[k])
            for k in (0, 1)
        ]
        expected = densities[0] / (densities[0] + densities[1])
        posterior = low_loss_posterior(losses)
        assert is_between.sum() > 50
        np.testing.assert_allclose(posterior[is_between], expected[is_between], atol=0.02)

    def test_divides_two_far_clusters_by_hand(self) -> None:
        posterior = low_loss_posterior(np.array([0.0, 0.01, 0.02, 0.03, 5.0, 5.01, 5.02, 5.03]))
        np.testing.assert_allclose(posterior, [1, 1, 1, 1, 0, 0, 0, 0], atol=1e-6)

    @pytest.mark.parametrize(("n_clean", "n_noisy"), [(800, 200), (600, 400), (200, 800)])
    def test_finds_the_share_of_low_losses(self, n_clean: int, n_noisy: int) -> None:
        posterior = low_loss_posterior(_losses(n_clean, n_noisy))
        assert posterior.mean() == pytest.approx(n_clean / (n_clean + n_noisy), abs=0.02)

    def test_falls_with_the_loss_even_where_the_clean_component_is_the_wider_one(self) -> None:
        rng = np.random.default_rng(0)
        losses = np.sort(np.concatenate([rng.normal(1.0, 1.0, 500), rng.normal(3.0, 0.1, 500)]))
        posterior = low_loss_posterior(losses)
        assert bool((np.diff(posterior) <= 0).all())
        assert posterior[-1] < 0.01

    def test_ranks_like_the_losses(self) -> None:
        losses = _losses(500, 300)
        is_clean = np.arange(800) < 500
        assert auroc(low_loss_posterior(losses), is_clean) == pytest.approx(auroc(-losses, is_clean), abs=1e-3)

    def test_scale_and_offset_of_the_losses_do_not_matter(self) -> None:
        losses = _losses(200, 100)
        np.testing.assert_allclose(low_loss_posterior(losses * 40 - 7), low_loss_posterior(losses), atol=1e-6)

    def test_the_same_seed_gives_the_same_posterior(self) -> None:
        losses = _losses(200, 100)
        assert np.array_equal(low_loss_posterior(losses, seed=3), low_loss_posterior(losses, seed=3))


class TestNothingToDivide:
    @pytest.mark.parametrize("losses", [[], [0.3], [0.1, 0.9, 0.5], [0.7] * 10, [1.0, 1.0 + 1e-12, 1.0, 1.0]])
    def test_few_or_constant_losses_are_all_clean(self, losses: list[float]) -> None:
        assert low_loss_posterior(np.array(losses)).tolist() == [1.0] * len(losses)

    def test_one_bell_of_losses_is_all_clean(self) -> None:
        losses = np.random.default_rng(0).normal(2.0, 0.3, 2_000)
        assert bool((low_loss_posterior(losses) == 1).all())

    def test_two_distinct_losses_are_divided(self) -> None:
        posterior = low_loss_posterior(np.array([0.0] * 6 + [1.0] * 4))
        np.testing.assert_allclose(posterior, [1.0] * 6 + [0.0] * 4, atol=1e-6)

    @pytest.mark.parametrize("losses", [np.array([1.0, np.nan]), np.array([np.inf, 1.0]), np.ones((2, 2))])
    def test_what_is_no_loss_is_refused(self, losses: DoubleArray) -> None:
        with pytest.raises(ValueError, match=r"losses have shape .*, expected \(n_pairs,\) finite numbers"):
            low_loss_posterior(losses)
