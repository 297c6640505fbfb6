"""The share of mismatched pairs in a corpus, with its interval."""

from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.detection.decoy_mixture import DecoyMixture, fit_mixture
from crcl_core.seeding import numpy_generator
from crcl_core.types import DoubleArray

_N_RESAMPLES = 100
_INTERVAL = (2.5, 97.5)


@final
@dataclass(frozen=True)
class MismatchRate:
    """How many pairs mismatch, as a share of all.

    Attributes:
        rate: In [0, 1].
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    rate: float
    low: float
    high: float


def rate_with_interval(
    mixture: DecoyMixture, scores: DoubleArray, decoy_scores: DoubleArray, *, seed: int
) -> MismatchRate:
    """Adds to a fitted mixture's rate its interval, by a bootstrap over pairs and decoys.

    Args:
        mixture: Fitted to these scores.
        scores: (N,) float64 of the pairs, low = bad.
        decoy_scores: (M,) float64 of the decoys, by the same model.
        seed: Of the run.

    Raises:
        ValueError: There is no pair or no decoy.
    """
    if not len(scores) or not len(decoy_scores):
        raise ValueError(f"{len(scores)} pairs and {len(decoy_scores)} decoys, expected one of each or more")
    random = numpy_generator(seed, "mismatch rate")
    resampled = []
    for _ in range(_N_RESAMPLES):
        pairs, decoys = random.choice(scores, len(scores)), random.choice(decoy_scores, len(decoy_scores))
        resampled.append(fit_mixture(pairs, decoys, start_rates=(mixture.rate,)).rate)
    low, high = np.percentile(resampled, _INTERVAL)
    return MismatchRate(mixture.rate, min(float(low), mixture.rate), max(float(high), mixture.rate))
