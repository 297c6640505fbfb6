"""From a run's configuration and a corpus's size to the settings of its training."""

from typing import Any

from app.core.run_config import RunConfig
from crcl_core.training import TrainingConfig

_SHARED = (
    "round_epochs",
    "warmup_epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "temperature",
    "momentum",
    "label_floor",
    "complementary_weight",
    "dropout",
    "joint_dim",
    "seed",
)


def training_config(config: RunConfig, *, n_pairs: int, n_images: int) -> TrainingConfig:
    """What a run's configuration leaves open (None) follows from the corpus's size."""
    chosen: dict[str, Any] = {  # Any: fields of several types
        name: value for name in _SHARED if (value := getattr(config, name)) is not None
    }
    return TrainingConfig.for_corpus(n_pairs, n_images, **chosen)
