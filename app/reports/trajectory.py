"""How the label of one pair moved while the run trained."""

import struct

from app.core.storage import Storage
from app.reports.schemas import TrajectoryPoint
from app.runs.service import PublishedRun

ARTEFACT = "trajectories.f16"
_NUMBER = "e"  # little-endian float16


def label_trajectory(storage: Storage, run: PublishedRun, ordinal: int) -> list[TrajectoryPoint]:
    """The unfloored label of a pair after each epoch; empty of a run that is older than the record of them.

    The artefact holds the epochs of a pair side by side, so that one short read answers.
    """
    warmup_epochs = run.summary.warmup_epochs
    key = f"{run.artefact_prefix}/{ARTEFACT}"
    if warmup_epochs is None or not storage.exists(key):
        return []
    rounds = [number for number, epochs in enumerate(run.summary.round_epochs) for _ in range(warmup_epochs + epochs)]
    layout = struct.Struct(f"<{len(rounds)}{_NUMBER}")
    labels = layout.unpack(storage.read_range(key, ordinal * layout.size, layout.size))
    return [TrajectoryPoint(round=number, label=label) for number, label in zip(rounds, labels, strict=True)]
