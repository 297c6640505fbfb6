"""All that a training carries from one epoch to the next, and its copy as named tensors and plain facts."""

from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor

from crcl_core.correspondence import CorrespondenceLabels
from crcl_core.data import PairFeatures
from crcl_core.models import MatchingModel, ModelKind, ModelSpec, build_model
from crcl_core.training.config import TrainingConfig
from crcl_core.training.reports import EpochReport


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
        model: Model of the current round.
        optimizer: Its optimiser.
        labels: Labels of all pairs.
        label_history: (N,) float16 shadow labels, one entry an epoch.
        reports: One entry an epoch.
        serving: Best model of the last round; None before it.
        learning_rate_scale: Multiplies every learning rate.
    """

    model: MatchingModel
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
        tensors = {f"model/{name}": value for name, value in self.model.state_dict().items()}
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
        self.model.load_state_dict(_part(snapshot, "model"))
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


def model_spec(config: TrainingConfig, features: PairFeatures, *, has_joint_space: bool = False) -> ModelSpec:
    """Says what to build for a training: the settings decide the kind and widths, the features the rest.

    Raises:
        ValueError: The features are not what the model reads.
    """
    if config.model.reads_regions != (features.n_regions is not None and features.has_tokens):
        found = "regions" if features.n_regions is not None else "global vectors"
        read = "words" if features.has_tokens else "vectors"
        wanted = "regions and words" if config.model.reads_regions else "global vectors and vectors"
        raise ValueError(
            f"model {config.model.value!r} reads images and captions as {wanted}; the features hold images as {found}, "
            f"captions as {read}"
        )
    return ModelSpec(
        kind=config.model,
        image_dim=features.image_dim,
        caption_dim=None if features.has_tokens else features.caption_dim,
        vocabulary_size=features.vocabulary_size,
        n_regions=features.n_regions,
        joint_dim=config.joint_dim,
        word_dim=config.word_dim,
        similarity_dim=config.similarity_dim,
        dropout=config.dropout,
        has_joint_space=has_joint_space and config.model is ModelKind.HEADS,
    )


def fresh_round(
    config: TrainingConfig, spec: ModelSpec, round_number: int, device: torch.device
) -> tuple[MatchingModel, torch.optim.AdamW]:
    """Builds the model and optimiser that a round starts from; the same ones whatever ran before."""
    model = build_model(spec, seed=config.seed, stream=("weights", round_number)).to(device)
    # Fused: one pass over the weights instead of eight, a quarter of a step's time on a CPU.
    fused = device.type in {"cpu", "cuda"}
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=fused
    )
    return model, optimizer


def _part(snapshot: Snapshot, prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in snapshot.tensors.items() if name.startswith(start)}
