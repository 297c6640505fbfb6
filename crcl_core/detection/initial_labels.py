"""Labels to begin with where an earlier detection knows some of the pairs."""

import numpy as np

from crcl_core.seeding import numpy_generator
from crcl_core.types import DoubleArray


def initial_labels_with_decoys(labels: DoubleArray | None, n_decoys: int, seed: int) -> DoubleArray | None:
    """Adds labels for decoys, drawn so that a decoy begins as a real mismatch does.

    A mismatch that is known begins with a low label, and one that is new with 1. Decoys stand for all mismatches, so
    the same share of them must begin low; else they would look worse sorted than real mismatches are, and the noise
    rate would be misread. A label of the known pairs is drawn with the chance that its pair is a mismatch, 1 - label,
    and a decoy has one of these with the share of known pairs among all.

    Args:
        labels: (N,) in [0, 1], NaN = unknown; None = no earlier detection.
        n_decoys: M.
        seed: Of the run.

    Returns:
        (N + M,), or None.
    """
    if labels is None:
        return None
    known = labels[~np.isnan(labels)].astype(np.float64)
    weights = 1.0 - known
    drawn = np.full(n_decoys, np.nan)
    if len(known) and weights.sum() > 0:
        random = numpy_generator(seed, "initial labels of decoys")
        is_known = random.random(n_decoys) < len(known) / len(labels)
        drawn[is_known] = random.choice(known, size=int(is_known.sum()), p=weights / weights.sum())
    return np.concatenate((labels.astype(np.float64), drawn))
