"""One call that finds the mismatched pairs among images and captions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from crcl_core.cleaning.encode_pairs import encode_pairs
from crcl_core.data import PairFeatures
from crcl_core.encoders import Encoder
from crcl_core.training import EpochReport, TrainingConfig, TrainingResult, train
from crcl_core.types import BoolArray, FloatArray, IntArray

# The paper's floor: below it SCC itself takes a pair for mismatched.
_DEFAULT_THRESHOLD = 0.1


@final
@dataclass(frozen=True, eq=False)
class CleanedPairs:
    """What cleaning found out about N pairs.

    Attributes:
        correspondence: (N,) float32 in [0, 1], how likely each pair matches; low = bad. Not a calibrated probability.
        features: What the model was trained on.
        training: The training with its labels, embeddings and model.
    """

    correspondence: FloatArray
    features: PairFeatures
    training: TrainingResult

    def is_mismatch(self, threshold: float = _DEFAULT_THRESHOLD) -> BoolArray:
        """(N,) bool, True below the threshold."""
        return self.correspondence < np.float32(threshold)

    def worst_first(self) -> IntArray:
        """(N,) int64, the pairs from the least to the most likely match."""
        return np.argsort(self.correspondence, kind="stable").astype(np.int64)


def clean_pairs(
    images: Sequence[Path | str],
    captions: Sequence[str],
    *,
    encoder: Encoder,
    config: TrainingConfig | None = None,
    device: str = "cpu",
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> CleanedPairs:
    """Encodes N pairs, trains CRCL on them, and scores each pair.

    Args:
        images: The file of each pair's image; several pairs may name one file.
        captions: The caption of each pair.
        encoder: As `open_encoder` gives it.
        config: Settings; by default those that suit a corpus of this size.
        device: Where to train.
        on_epoch: Called after each epoch.

    Raises:
        ValueError: There are fewer than two pairs, the numbers differ, or a file is no image.
        DivergedError: Training diverged twice.
    """
    features = encode_pairs(images, captions, encoder=encoder)
    settings = config or TrainingConfig.for_corpus(features.n_pairs, features.n_images)
    has_joint_space = encoder.joint_dim is not None
    training = train(features, settings, has_joint_space=has_joint_space, device=device, on_epoch=on_epoch)
    correspondence = np.clip(training.shadow_labels, 0.0, 1.0).astype(np.float32)
    return CleanedPairs(correspondence, features, training)
