import numpy as np
import pytest

from crcl_core.detection import MIN_DECOYS, Calibration, MismatchRate, Reliability, ReliabilityReason, calibrate
from crcl_core.detection.calibration import judge_reliability
from tests.crcl_core.detection.simulated_scores import SimulatedScores, simulate


def _calibrated(made: SimulatedScores) -> Calibration:
    found = calibrate(made.scores, made.decoy_scores, seed=0)
    assert found is not None
    return found


class TestCalibrate:
    @pytest.mark.parametrize("rate", [0.2, 0.4, 0.6])
    def test_of_pairs_said_to_match_with_a_probability_that_share_matches(self, rate: float) -> None:
        made = simulate(rate, n_pairs=8_000, n_decoys=1_000)
        correspondence = _calibrated(made).correspondence
        parts = np.array_split(np.argsort(correspondence, kind="stable"), 15)
        gaps = [abs(correspondence[part].mean() - (~made.is_mismatch[part]).mean()) for part in parts]
        assert np.mean(gaps) < 0.05

    def test_near_the_posterior_that_made_the_scores(self) -> None:
        made = simulate(0.4, n_pairs=8_000, n_decoys=2_000)
        clean, wrong = 0.6 * np.exp(-((made.scores - 2.5) ** 2) / 2), 0.4 * np.exp(-(made.scores**2) / 2)
        error = np.abs(_calibrated(made).correspondence - clean / (clean + wrong))
        assert error.mean() < 0.05

    def test_never_falls_with_the_score(self) -> None:
        made = simulate(0.3)
        ordered = _calibrated(made).correspondence[np.argsort(made.scores)]
        assert (np.diff(ordered) >= 0).all()

    def test_pairs_of_one_score_have_one_correspondence(self) -> None:
        made = simulate(0.3)
        correspondence = _calibrated(made._replace(scores=made.scores.round(1))).correspondence
        for score in np.unique(made.scores.round(1)):
            assert len(set(correspondence[made.scores.round(1) == score].tolist())) == 1

    def test_of_a_clean_corpus_next_to_nothing_is_a_mismatch(self) -> None:
        made = simulate(0.0)
        assert (1 - _calibrated(made).correspondence).mean() < 0.01

    def test_says_nothing_with_too_few_decoys(self) -> None:
        made = simulate(0.4, n_decoys=MIN_DECOYS - 1)
        assert calibrate(made.scores, made.decoy_scores, seed=0) is None

    def test_says_nothing_of_no_pairs(self) -> None:
        assert calibrate(np.zeros(0), np.zeros(MIN_DECOYS), seed=0) is None

    def test_a_score_that_knows_nothing_is_not_separable(self) -> None:
        found = _calibrated(simulate(0.4, distance=0.0))
        assert (found.reliability, found.reason) == (Reliability.INSUFFICIENT, ReliabilityReason.NOT_SEPARABLE)

    def test_a_corpus_of_one_score_is_not_separable(self) -> None:
        found = calibrate(np.ones(500), np.ones(300), seed=0)
        assert found is not None
        assert found.reason is ReliabilityReason.NOT_SEPARABLE

    def test_nearly_all_pairs_mismatched_is_not_separable(self) -> None:
        found = _calibrated(simulate(0.97))
        assert found.reliability is Reliability.INSUFFICIENT

    @pytest.mark.parametrize("rate", [0.0, 0.2, 0.6])
    def test_a_good_score_is_reliable(self, rate: float) -> None:
        found = _calibrated(simulate(rate))
        assert (found.reliability, found.reason) == (Reliability.OK, None)


class TestJudgeReliability:
    def test_a_rate_that_may_be_nearly_one_is_weak(self) -> None:
        judged = judge_reliability(MismatchRate(0.85, 0.8, 0.95), separation=0.57)
        assert judged == (Reliability.WEAK, ReliabilityReason.MOSTLY_MISMATCHED)

    def test_a_rate_known_poorly_is_weak(self) -> None:
        judged = judge_reliability(MismatchRate(0.4, 0.2, 0.55), separation=0.7)
        assert judged == (Reliability.WEAK, ReliabilityReason.WIDE_INTERVAL)
