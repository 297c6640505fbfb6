"""What a training says about itself, while it runs and at its end."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crcl_core.models import MatchingModel, ModelSpec
from crcl_core.types import BoolArray, DoubleArray, FloatArray

N_HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch.

    Attributes:
        round: Round, from 0.
        epoch: Epoch within the round, from 0, warm-up counted.
        n_done_epochs: Epochs of the whole training done, this one included.
        n_total_epochs: Epochs of the whole training.
        active_loss: Mean over the epoch's pairs, before the labels weigh it; of a baseline, its whole loss.
        complementary_loss: Mean over the epoch's pairs, before its weight; 0 of a baseline.
        total_loss: Mean over the epoch's pairs of what was minimised.
        label_histogram: Pairs by correspondence label, 20 equal bins from 0 to 1.
        r_sum: Weighted recall sum of the held-out pairs, in [0, 600]; None where nothing is held out.
        seconds: Wall time.
    """

    round: int
    epoch: int
    n_done_epochs: int
    n_total_epochs: int
    active_loss: float
    complementary_loss: float
    total_loss: float
    label_histogram: tuple[int, ...]
    r_sum: float | None
    seconds: float

    def to_json(self) -> dict[str, Any]:  # Any: the values of a JSON object.
        """Returns plain values; `from_json` takes them back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "EpochReport":  # Any: the values of a JSON object.
        """Builds the report that `to_json` described."""
        return cls(**{**values, "label_histogram": tuple(values["label_histogram"])})


@dataclass(frozen=True, eq=False)
class Embeddings:
    """A corpus in the joint space of a trained model.

    Attributes:
        images: (I, J) float32, L2-normalised.
        captions: (C, J) float32, L2-normalised.
    """

    images: FloatArray
    captions: FloatArray


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A finished training.

    Attributes:
        labels: (N,) in [0, 1], the floored correspondence labels.
        shadow_labels: (N,) in [0, 1], the unfloored ones: how likely each pair matches.
        label_history: (E, N) float16, the shadow labels after each epoch.
        is_held_out: (N,) bool, pairs that the last round did not train on.
        embeddings: The corpus by the serving model; None of a model that compares pair by pair.
        model: The serving model, on the CPU, in evaluation mode.
        spec: What builds such a model.
        serving_epoch: Epoch of the last round that the serving model comes from.
        reports: One a finished epoch.
        learning_rate_scale: 1, or 0.5 if training diverged once.
    """

    labels: DoubleArray
    shadow_labels: DoubleArray
    label_history: npt.NDArray[np.float16]
    is_held_out: BoolArray
    embeddings: Embeddings | None
    model: MatchingModel
    spec: ModelSpec
    serving_epoch: int
    reports: tuple[EpochReport, ...]
    learning_rate_scale: float

    @property
    def image_embeddings(self) -> FloatArray:
        """(I, J), L2-normalised.

        Raises:
            ValueError: The model compares pair by pair and has none.
        """
        return self._embeddings().images

    @property
    def caption_embeddings(self) -> FloatArray:
        """(C, J), L2-normalised; raises as `image_embeddings`."""
        return self._embeddings().captions

    @property
    def r_sum(self) -> float | None:
        """Weighted recall sum of the held-out pairs by the serving model; None without held-out pairs."""
        return max((report.r_sum for report in self.reports if report.r_sum is not None), default=None)

    def _embeddings(self) -> Embeddings:
        if self.embeddings is None:
            raise ValueError(f"model {self.spec.kind.value!r} compares pair by pair and has no embeddings")
        return self.embeddings
