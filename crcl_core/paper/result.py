"""A filled row: its figures, and all that a reader has to know to compare them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from crcl_core.evaluation import RetrievalMetrics
from crcl_core.paper.benchmark import PaperDataset, PaperModel
from crcl_core.paper.figures import DetectionFigures
from crcl_core.paper.published import published_r_sum
from crcl_core.paper.settings import PaperSettings
from crcl_core.paper.training_noise import TrainingNoise
from crcl_core.training import Objective


@final
@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """The figures of one model.

    Attributes:
        model: Which.
        retrieval: By test set: "test", or "1K" and "5K".
        detection: None where no mismatch is known.
    """

    model: PaperModel
    retrieval: Mapping[str, RetrievalMetrics]
    detection: DetectionFigures | None


@final
@dataclass(frozen=True, kw_only=True)
class PaperResult:
    """What `run_paper` measured.

    Attributes:
        dataset: Trained and tested on.
        model: Asked for.
        settings: Trained with.
        noise: Trained on.
        noise_seed: None where a file was read, or no mismatch was planted.
        seed: Of the training.
        n_pairs: Training pairs.
        n_held_out: Of them, those that the last round left out to choose the model; 0 = its last epoch was taken.
        official_vocabulary: The file that was read; None where a vocabulary was built, or no words are read.
        rows: The row asked for is the last.
        seconds: Wall time of this run; a resumed one has only what was left to do.
    """

    dataset: PaperDataset
    model: PaperModel
    settings: PaperSettings
    noise: TrainingNoise
    noise_seed: int | None
    seed: int
    n_pairs: int
    n_held_out: int
    official_vocabulary: Path | None
    rows: tuple[PaperRow, ...]
    seconds: float

    def published(self, row: PaperRow, test_set: str) -> float | None:
        """The paper's rSum for a row; None where its table has none, or CRCL is not what was trained."""
        if self.settings.values.get("objective", Objective.CRCL) != Objective.CRCL:
            return None
        return published_r_sum(self.dataset, test_set, row.model, self.noise.protocol, self.noise.ratio)

    def to_json(self) -> dict[str, Any]:  # Any: the values of a JSON object.
        """Returns plain values."""
        return {
            "dataset": self.dataset.value,
            "model": self.model.value,
            "noise": {
                "protocol": self.noise.protocol.value,
                "ratio": round(self.noise.ratio, 6),
                "seed": self.noise_seed,
                "n_mismatched": None if self.noise.is_mismatch is None else int(self.noise.is_mismatch.sum()),
            },
            "seed": self.seed,
            "n_pairs": self.n_pairs,
            "n_held_out": self.n_held_out,
            "vocabulary": None if self.official_vocabulary is None else str(self.official_vocabulary),
            "settings": dict(self.settings.values),
            "unconfirmed": list(self.settings.unconfirmed),
            "not_in_paper": list(self.settings.not_in_paper),
            "changed": list(self.settings.changed),
            "rows": [self._row_to_json(row) for row in self.rows],
            "seconds": round(self.seconds, 1),
        }

    def _row_to_json(self, row: PaperRow) -> dict[str, Any]:  # Any: the values of a JSON object.
        return {
            "model": row.model.value,
            "retrieval": {
                test_set: {
                    "r_sum": metrics.r_sum,
                    "published_r_sum": self.published(row, test_set),
                    **dataclasses.asdict(metrics),
                }
                for test_set, metrics in row.retrieval.items()
            },
            "detection": None if row.detection is None else dataclasses.asdict(row.detection),
        }
