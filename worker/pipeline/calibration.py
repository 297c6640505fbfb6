"""What a training found out about its own scores with the mismatches that it planted."""

from dataclasses import dataclass

from app.core.run_config import RunConfig


@dataclass(frozen=True)
class Calibration:
    """Whether correspondence is a probability, and what follows from that for the corpus.

    Attributes:
        is_calibrated: whether it is; where not, the noise rates are None.
        n_decoys: how many known mismatches were planted.
        noise_rate: the estimated share of mismatches in the corpus.
        noise_rate_low, noise_rate_high: its 95 % interval.
        reliability: ok, weak or insufficient.
        reliability_reason: a code that says why it is not ok, or None.
        fdr: the false discovery rate that was asked for.
        near_decoy_histogram: known mismatches with the caption of a similar image, by correspondence, in 20 equal bins.
        threshold: the largest cut at that rate, at most 0.5, or, uncalibrated, the paper's floor.
    """

    is_calibrated: bool
    n_decoys: int
    noise_rate: float | None
    noise_rate_low: float | None
    noise_rate_high: float | None
    reliability: str
    reliability_reason: str | None
    fdr: float
    threshold: float
    near_decoy_histogram: list[int] | None = None

    def threshold_of(self, config: RunConfig) -> float:
        """The default threshold of a run: its configuration's, else this one."""
        return self.threshold if config.threshold is None else config.threshold

    def fdr_of(self, config: RunConfig) -> float | None:
        """The rate that this threshold keeps; None where it was given, or nothing tells."""
        return self.fdr if self.is_calibrated and config.threshold is None else None
