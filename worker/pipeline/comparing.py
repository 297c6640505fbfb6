"""What the run before found on the pairs that this version has from its parent."""

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.core.repositories.comparing import base_correspondences, count_gone, find_threshold
from worker.pipeline.workspace import RunWork


@dataclass(frozen=True, eq=False)
class BaseFindings:
    """The findings of the run that this one is compared with.

    Attributes:
        run_id: that run.
        threshold: below which it flags.
        correspondence: (N,) float32 of this version's pairs, NaN where that run knew no such pair.
        n_gone: pairs that it flagged and that this version no longer has.
    """

    run_id: uuid.UUID
    threshold: float
    correspondence: npt.NDArray[np.float32]
    n_gone: int

    def summary(self) -> dict[str, Any]:  # Any: JSON
        """What the summary keeps; the counts of the others follow from the cut, on read."""
        return {"base_run_id": str(self.run_id), "base_threshold": self.threshold, "n_gone": self.n_gone}


def read_base_findings(work: RunWork, n_pairs: int) -> BaseFindings | None:
    """Read them; None where the run has none to be compared with, or where that one was deleted."""
    run_id = work.base_run_id
    threshold = None if run_id is None else work.handle.transaction(lambda session: find_threshold(session, run_id))
    if run_id is None or threshold is None:
        return None
    correspondence = np.full(n_pairs, np.nan, dtype=np.float32)
    found = work.handle.transaction(lambda session: base_correspondences(session, run_id, work.version.id))
    for ordinal, value in found:
        correspondence[ordinal] = value
    n_gone = work.handle.transaction(lambda session: count_gone(session, run_id, work.version.id, threshold=threshold))
    return BaseFindings(run_id, threshold, correspondence, n_gone)
