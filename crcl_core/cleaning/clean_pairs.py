"""One call that finds the mismatched pairs among images and captions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from crcl_core.cleaning.encode_pairs import encode_pairs
from crcl_core.data import PairFeatures
from crcl_core.detection import Detection, detect_mismatches
from crcl_core.encoders import Encoder
from crcl_core.training import EpochReport, TrainingConfig, TrainingResult
from crcl_core.types import BoolArray, FloatArray, IntArray

_DEFAULT_FDR = 0.1


@final
@dataclass(frozen=True, eq=False)
class CleanedPairs:
    """What cleaning found out about N pairs.

    Attributes:
        features: What the model was trained on.
        detection: The findings and what they come from.
    """

    features: PairFeatures
    detection: Detection

    @property
    def correspondence(self) -> FloatArray:
        """(N,) float32 in [0, 1], low = bad: the probability of a match where `is_calibrated`, else the label."""
        return self.detection.findings.correspondence

    @property
    def is_calibrated(self) -> bool:
        """Whether `correspondence` is a probability; below some 1,350 pairs it is not."""
        return self.detection.findings.is_calibrated

    @property
    def training(self) -> TrainingResult:
        """CRCL's training with its model and embeddings; in its labels planted decoys stand behind the pairs."""
        return self.detection.training

    def is_mismatch(self, threshold: float | None = None) -> BoolArray:
        """(N,) bool, True below the threshold.

        Args:
            threshold: In [0, 1]; by default, calibrated, the largest at which 10 % of the flags are expected to be
                wrong, but at most 0.5, and uncalibrated 0.1.
        """
        cut = self.detection.findings.default_threshold(_DEFAULT_FDR) if threshold is None else threshold
        return self.correspondence < np.float32(cut)

    def worst_first(self) -> IntArray:
        """(N,) int64, the pairs from the least to the most likely match."""
        return np.lexsort((self.detection.findings.rank_score, self.correspondence)).astype(np.int64)


def clean_pairs(
    images: Sequence[Path | str],
    captions: Sequence[str],
    *,
    encoder: Encoder,
    config: TrainingConfig | None = None,
    device: str = "cpu",
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> CleanedPairs:
    """Encodes N pairs, trains CRCL on them, and says of each how likely it matches.

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
    detection = detect_mismatches(features, settings, has_joint_space=has_joint_space, device=device, on_epoch=on_epoch)
    return CleanedPairs(features, detection)
