"""What a training may say of its own scores."""

from worker.pipeline.calibration import Calibration

CALIBRATED = Calibration(
    is_calibrated=True,
    n_decoys=100,
    noise_rate=0.4,
    noise_rate_low=0.35,
    noise_rate_high=0.45,
    reliability="ok",
    reliability_reason=None,
    fdr=0.1,
    threshold=0.3,
)
UNCALIBRATED = Calibration(
    is_calibrated=False,
    n_decoys=0,
    noise_rate=None,
    noise_rate_low=None,
    noise_rate_high=None,
    reliability="insufficient",
    reliability_reason="not_planted",
    fdr=0.1,
    threshold=0.1,
)
