import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.core.run_config import RunConfig
from tests.worker.pipeline.calibrations import CALIBRATED, UNCALIBRATED
from worker.pipeline.reporting import Report, read_findings, summarise


def findings(folder: Path, correspondence: Sequence[float], rank_score: Sequence[float] | None = None) -> Report:
    """The report on a training that left these numbers, by pair."""
    path = folder / "labels.npz"
    scores = np.zeros(len(correspondence)) if rank_score is None else np.asarray(rank_score, dtype=np.float64)
    values = np.asarray(correspondence, dtype=np.float32)
    np.savez(path, labels=np.where(values < 0.1, 0, values), correspondence=values, rank_score=scores)
    return read_findings(path, [uuid.uuid4() for _ in correspondence])


class TestReadFindings:
    def test_the_lowest_correspondence_has_rank_1(self, tmp_path: Path) -> None:
        assert findings(tmp_path, [0.5, 0.1, 0.9]).rank.tolist() == [2, 1, 3]

    def test_equals_are_ranked_by_the_rank_score(self, tmp_path: Path) -> None:
        assert findings(tmp_path, [0.5, 0.5, 0.2, 0.5], [3.0, -1.0, 9.0, 2.0]).rank.tolist() == [4, 2, 1, 3]

    def test_the_rank_score_orders_equals_only(self, tmp_path: Path) -> None:
        assert findings(tmp_path, [0.5, 0.6], [1.0, 0.0]).rank.tolist() == [1, 2]

    def test_equals_in_both_keep_the_order_of_the_manifest(self, tmp_path: Path) -> None:
        assert findings(tmp_path, [0.5] * 40, [0.0] * 40).rank.tolist() == list(range(1, 41))

    def test_a_rounding_error_outside_the_range_is_taken_into_it(self, tmp_path: Path) -> None:
        assert findings(tmp_path, [-1e-7, 1.0000001]).correspondence.tolist() == [0.0, 1.0]


class TestWorstFirst:
    def test_the_precision_at_a_cut_is_the_mean_down_to_the_rank(self, tmp_path: Path) -> None:
        path = tmp_path / "labels.npz"
        values = np.array([0.5, 0.0, 1.0], dtype=np.float32)
        np.savez(path, labels=values, correspondence=values, rank_score=values, low=values - 0.1, high=values + 0.1)
        rows = list(read_findings(path, [uuid.uuid4() for _ in values]).worst_first({}))
        assert [row.expected_precision_at_cut for row in rows] == [1.0, 0.75, 0.5]
        assert [row.correspondence_low for row in rows] == pytest.approx([-0.1, 0.4, 0.9])

    def test_of_an_uncalibrated_run_nothing_is_expected(self, tmp_path: Path) -> None:
        rows = list(findings(tmp_path, [0.5, 0.2]).worst_first({}))
        assert {(row.expected_precision_at_cut, row.correspondence_low, row.lemon_score) for row in rows} == {
            (None, None, None)
        }


class TestSummarise:
    def test_the_calibrated_threshold_is_the_default(self, tmp_path: Path) -> None:
        summary = summarise(findings(tmp_path, [0.2, 0.3, 0.9]), CALIBRATED, RunConfig())
        assert (summary["threshold"], summary["fdr"], summary["n_flagged"]) == (0.3, 0.1, 1)

    def test_a_given_threshold_wins_and_has_no_rate(self, tmp_path: Path) -> None:
        summary = summarise(findings(tmp_path, [0.2, 0.3, 0.9]), CALIBRATED, RunConfig(threshold=0.5))
        assert (summary["threshold"], summary["fdr"], summary["n_flagged"]) == (0.5, None, 2)

    def test_the_noise_rate_is_told_with_its_interval_and_its_reliability(self, tmp_path: Path) -> None:
        summary = summarise(findings(tmp_path, [0.2]), CALIBRATED, RunConfig())
        names = ("is_calibrated", "n_decoys", "noise_rate", "noise_rate_low", "noise_rate_high", "reliability")
        assert [summary[name] for name in names] == [True, 100, 0.4, 0.35, 0.45, "ok"]

    def test_precision_and_recall_are_expected_of_the_probabilities(self, tmp_path: Path) -> None:
        summary = summarise(findings(tmp_path, [0.0, 0.2, 0.9]), CALIBRATED, RunConfig())
        assert summary["expected_precision"] == pytest.approx(0.9)
        assert summary["expected_recall"] == pytest.approx(1.8 / 1.9)

    def test_where_nothing_is_flagged_there_is_no_precision(self, tmp_path: Path) -> None:
        summary = summarise(findings(tmp_path, [0.5]), CALIBRATED, RunConfig())
        assert (summary["expected_precision"], summary["expected_recall"]) == (None, 0.0)

    def test_where_no_mismatch_is_expected_there_is_no_recall(self, tmp_path: Path) -> None:
        assert summarise(findings(tmp_path, [1.0]), CALIBRATED, RunConfig())["expected_recall"] is None

    def test_without_calibration_nothing_is_expected_and_the_reason_is_told(self, tmp_path: Path) -> None:
        summary = summarise(findings(tmp_path, [0.05, 0.2]), UNCALIBRATED, RunConfig(method="crcl"))
        assert (summary["threshold"], summary["fdr"], summary["n_flagged"]) == (0.1, None, 1)
        assert (summary["is_calibrated"], summary["reliability_reason"]) == (False, "not_planted")
        assert not {"expected_precision", "expected_recall"} & set(summary)

    def test_a_pair_as_bad_as_the_threshold_is_not_flagged(self, tmp_path: Path) -> None:
        # 0.7 as float32 is a little less than 0.7.
        assert summarise(findings(tmp_path, [0.7]), CALIBRATED, RunConfig(threshold=0.7))["n_flagged"] == 0

    def test_the_histogram_counts_every_pair_once(self, tmp_path: Path) -> None:
        summary = summarise(findings(tmp_path, [0.0, 0.04, 0.5, 1.0]), CALIBRATED, RunConfig())
        assert [(bin_, n) for bin_, n in enumerate(summary["correspondence_histogram"]) if n] == [
            (0, 2),
            (10, 1),
            (19, 1),
        ]
