"""Tiny runs of the paper's rows, and a progress display that remembers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crcl_core.encoders import Encoder
from crcl_core.encoders.toy import ToyEncoder
from crcl_core.paper import PaperDataset, PaperModel, PaperRun, load_settings

TINY: Mapping[str, object] = {
    "round_epochs": [1, 1],
    "warmup_epochs": 1,
    "batch_size": 64,
    "joint_dim": 16,
    "word_dim": 8,
    "similarity_dim": 8,
    "learning_rate": 0.005,
}


@dataclass
class SeenSteps:
    """Takes the place of a display.

    Attributes:
        labels: of the steps, in their order.
        notes: of all their updates.
        stop_after: raise KeyboardInterrupt at that many updates.
    """

    labels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stop_after: int | None = None

    @contextmanager
    def step(self, label: str) -> Iterator["SeenSteps"]:
        self.labels.append(label)
        yield self

    def update(self, fraction: float | None, note: str = "") -> None:
        assert fraction is not None
        assert 0 < fraction <= 1
        self.notes.append(note)
        if len(self.notes) == self.stop_after:
            raise KeyboardInterrupt


def tiny_run(
    data: Path,
    out: Path,
    model: PaperModel,
    dataset: PaperDataset = PaperDataset.F30K,
    *,
    noise: float | None = 0.4,
    noise_index: Path | None = None,
    changes: Mapping[str, object] | None = None,
) -> PaperRun:
    """A row that takes a second or so."""
    return PaperRun(
        dataset=dataset,
        model=model,
        data=data,
        out=out,
        settings=load_settings(dataset, model).changed_to({**TINY, **(changes or {})}),
        noise_ratio=noise,
        noise_index=noise_index,
        load_caption_encoder=_toy,
    )


def _toy() -> Encoder:
    return ToyEncoder("toy")
