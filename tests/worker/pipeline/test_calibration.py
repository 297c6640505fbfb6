from dataclasses import replace

from app.core.run_config import RunConfig
from tests.worker.pipeline.calibrations import CALIBRATED, UNCALIBRATED


class TestThresholdOf:
    def test_the_calibrated_one_is_taken_where_none_was_given(self) -> None:
        assert replace(CALIBRATED, threshold=0.37).threshold_of(RunConfig()) == 0.37

    def test_a_given_one_wins(self) -> None:
        assert CALIBRATED.threshold_of(RunConfig(threshold=0.0)) == 0.0


class TestFdrOf:
    def test_the_calibrated_threshold_keeps_its_rate(self) -> None:
        assert replace(CALIBRATED, fdr=0.2).fdr_of(RunConfig(fdr=0.2)) == 0.2

    def test_a_given_threshold_keeps_none(self) -> None:
        assert CALIBRATED.fdr_of(RunConfig(threshold=0.3)) is None

    def test_without_calibration_none_is_known(self) -> None:
        assert UNCALIBRATED.fdr_of(RunConfig()) is None
