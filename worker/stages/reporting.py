"""Stage `report`: repairs of the flagged pairs, then reasons and causes, which need to know the blocks that move.

One process for both: they read the same embeddings, and a process takes seconds to begin.
"""

from typing import Any

from worker.stages.explaining import explain_corpus
from worker.stages.repairing import repair_corpus
from worker.trainer import Spec, Tell


def report_corpus(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Repair, then explain; see `repair_corpus` and `explain_corpus` for what is read, written and returned."""
    return {**repair_corpus(spec), **explain_corpus(spec, tell)}
