"""All that a training carries from one epoch to the next, and its copy as named tensors and plain facts."""

from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor

from crcl_core.correspondence import CorrespondenceLabels
from crcl_core.models import MatchingHeads, build_heads
from crcl_core.seeding import generator
from crcl_core.training.config import TrainingConfig
from crcl_core.training.reports import EpochReport


@dataclass(frozen=True)
class HeadShape:
    """What the corpus and its encoder decide about the heads."""

    image_dim: int
    caption_dim: int
    has_joint_space: bool


@dataclass(frozen=True)
class Snapshot:
    """A copy of a training's state between two epochs; shares no memory with it.

    Attributes:
        tensors: All arrays, on the CPU, by name.
        facts: All else, as JSON values.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]  # Any: the values of a JSON object.

    @property
    def n_done(self) -> int:
        """Epochs done when it was taken."""
        return int(self.facts["n_done"])


@dataclass(frozen=True)
class ServingCandidate:
    """The best model of the last round so far."""

    weights: dict[str, Tensor]
    epoch: int
    r_sum: float | None


@final
@dataclass
class TrainingState:
    """The state of a training between two epochs.

    It holds no random states: every stream follows from the seed and the position, so the position is the random state.

    Attributes:
        heads: Model of the current round.
        optimizer: Its optimiser.
        labels: Labels of all pairs.
        label_history: (N,) float16 shadow labels, one entry an epoch.
        reports: One entry an epoch.
        serving: Best model of the last round; None before it.
        learning_rate_scale: Multiplies every learning rate.
    """

    heads: MatchingHeads
    optimizer: torch.optim.AdamW
    labels: CorrespondenceLabels
    label_history: list[Tensor] = field(default_factory=list)
    reports: list[EpochReport] = field(default_factory=list)
    serving: ServingCandidate | None = None
    learning_rate_scale: float = 1.0

    @property
    def n_done(self) -> int:
        """Epochs done."""
        return len(self.reports)

    def snapshot(self) -> Snapshot:
        """Copies the state."""
        tensors = {f"heads/{name}": value for name, value in self.heads.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in values.items()}
        tensors |= {f"labels/{name}": value for name, value in self.labels.state_dict().items()}
        if self.label_history:
            tensors["label_history"] = torch.stack(self.label_history)
        facts: dict[str, Any] = {  # Any: the values of a JSON object.
            "n_done": self.n_done,
            "reports": [report.to_json() for report in self.reports],
            "learning_rate_scale": self.learning_rate_scale,
        }
        if self.serving is not None:
            tensors |= {f"serving/{name}": value for name, value in self.serving.weights.items()}
            facts["serving"] = {"epoch": self.serving.epoch, "r_sum": self.serving.r_sum}
        return Snapshot(
            {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}, facts
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot's state."""
        self.heads.load_state_dict(_part(snapshot, "heads"))
        self._restore_optimizer(snapshot)
        self.labels.load_state_dict(_part(snapshot, "labels"))
        history = snapshot.tensors.get("label_history")
        self.label_history = [] if history is None else list(history)
        self.reports = [EpochReport.from_json(values) for values in snapshot.facts["reports"]]
        self.learning_rate_scale = snapshot.facts["learning_rate_scale"]
        serving = snapshot.facts.get("serving")
        self.serving = None if serving is None else ServingCandidate(_part(snapshot, "serving"), **serving)

    def _restore_optimizer(self, snapshot: Snapshot) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(snapshot, "optimizer").items():
            index, _, slot = name.partition("/")
            state.setdefault(int(index), {})[slot] = value
        # Copied: an optimiser steps in place, and a snapshot may be restored twice.
        copied = {index: {slot: value.clone() for slot, value in slots.items()} for index, slots in state.items()}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": copied})


def fresh_round(
    config: TrainingConfig, shape: HeadShape, round_number: int, device: torch.device
) -> tuple[MatchingHeads, torch.optim.AdamW]:
    """Builds the model and optimiser that a round starts from; the same ones whatever ran before."""
    heads = build_heads(
        shape.image_dim,
        shape.caption_dim,
        config.joint_dim,
        dropout=config.dropout,
        has_joint_space=shape.has_joint_space,
        generator=generator(config.seed, "weights", round_number),
    ).to(device)
    # Fused: one pass over the weights instead of eight, a quarter of a step's time on a CPU.
    fused = device.type in {"cpu", "cuda"}
    optimizer = torch.optim.AdamW(
        heads.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=fused
    )
    return heads, optimizer


def _part(snapshot: Snapshot, prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in snapshot.tensors.items() if name.startswith(start)}
