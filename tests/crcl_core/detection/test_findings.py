import numpy as np
import pytest

from crcl_core.detection import Reliability, ReliabilityReason, find_mismatches
from crcl_core.detection.findings import UNCALIBRATED_THRESHOLD
from crcl_core.types import DoubleArray
from tests.crcl_core.detection.simulated_scores import simulate


def _scores(rate: float, n_decoys: int = 600, distance: float = 2.5) -> tuple[DoubleArray, int]:
    made = simulate(rate, n_pairs=6_000, n_decoys=n_decoys, distance=distance)
    return np.concatenate((made.scores, made.decoy_scores)), len(made.scores)


class TestFindMismatches:
    def test_decoys_are_in_no_array(self) -> None:
        scores, n_pairs = _scores(0.4)
        found = find_mismatches(scores, n_pairs, seed=0)
        assert (len(found.correspondence), len(found.rank_score), found.n_decoys) == (n_pairs, n_pairs, 600)

    def test_the_default_threshold_is_that_of_the_false_discovery_rate(self) -> None:
        scores, n_pairs = _scores(0.4)
        found = find_mismatches(scores, n_pairs, seed=0)
        flagged = found.correspondence < np.float32(found.default_threshold(0.1))
        is_mismatch = np.arange(n_pairs) < 0.4 * n_pairs
        assert found.is_calibrated
        assert (~is_mismatch[flagged]).mean() == pytest.approx(0.1, abs=0.04)

    def test_without_decoys_the_label_stays_as_it_is(self) -> None:
        found = find_mismatches(np.array([0.0, 0.3, 1.0]), 3, seed=0)
        assert found.correspondence.tolist() == pytest.approx([0.0, 0.3, 1.0])
        assert (found.reliability, found.reason) == (Reliability.INSUFFICIENT, ReliabilityReason.NOT_PLANTED)
        assert found.default_threshold(0.1) == UNCALIBRATED_THRESHOLD

    def test_of_three_hundred_pairs_there_are_too_few_decoys(self) -> None:
        found = find_mismatches(np.random.default_rng(0).random(345), 300, seed=0)
        assert (found.is_calibrated, found.reason) == (False, ReliabilityReason.TOO_FEW_DECOYS)

    def test_what_cannot_be_trusted_at_all_is_no_probability(self) -> None:
        scores, n_pairs = _scores(0.4, distance=0.0)
        found = find_mismatches(scores, n_pairs, seed=0)
        assert (found.is_calibrated, found.reason) == (False, ReliabilityReason.NOT_SEPARABLE)
        assert found.correspondence.tolist() == scores[:n_pairs].clip(0, 1).astype(np.float32).tolist()

    def test_the_range_holds_the_correspondence_and_what_single_rounds_would_give(self) -> None:
        scores, n_pairs = _scores(0.4)
        by_round = np.stack((scores[:n_pairs] - 0.3, scores[:n_pairs] - 0.1))
        found = find_mismatches(scores, n_pairs, seed=0, by_round=by_round)
        assert found.low is not None
        assert found.high is not None
        assert (found.low <= found.correspondence).all()
        np.testing.assert_allclose(found.high, found.correspondence)
        assert found.low.mean() < found.correspondence.mean()

    def test_near_decoys_calibrate_nothing_and_are_read_on_the_scale(self) -> None:
        scores, n_pairs = _scores(0.4)
        without = find_mismatches(scores, n_pairs, seed=0)
        found = find_mismatches(np.append(scores, [-9.0, 9.0]), n_pairs, seed=0, n_near=2)
        np.testing.assert_array_equal(found.correspondence, without.correspondence)
        assert found.n_decoys == 600
        assert found.near_decoys is not None
        assert found.near_decoys.tolist() == [found.correspondence.min(), found.correspondence.max()]

    def test_without_rounds_or_calibration_there_is_no_range(self) -> None:
        scores, n_pairs = _scores(0.4)
        assert find_mismatches(scores, n_pairs, seed=0).low is None
        alike = np.full(200, 0.5)
        assert find_mismatches(alike, 200, seed=0, by_round=alike[None]).low is None
