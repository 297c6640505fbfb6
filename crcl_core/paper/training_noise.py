"""The mismatches in the pairs of a row's training split: planted, read from an index file, or real."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, final

import numpy as np

from crcl_core.data.noise import NoisyCorrespondence, caption_level_noise
from crcl_core.data.noise_index import save_caption_to_image
from crcl_core.data.npy_files import map_npy
from crcl_core.data.precomp import PrecompSplit
from crcl_core.paper.benchmark import PaperDataset
from crcl_core.types import BoolArray, IntArray

# Some chosen pairs draw their own image back, the more the fewer there are.
_RATIO_TOLERANCE: Final = 0.05


class NoiseProtocol(StrEnum):
    """How the mismatches came about; figures of different protocols do not compare."""

    NONE = "none"
    CAPTION_LEVEL = "caption_level"
    IMAGE_LEVEL = "image_level"
    OTHER = "other"  # A file's that is no exchange: it gives some images more often than before.
    REAL = "real"


@final
@dataclass(frozen=True, eq=False)
class TrainingNoise:
    """The training pairs as the model sees them.

    Attributes:
        image_index: (N,) int64, rows of the split's `image_features`.
        is_mismatch: (N,) bool; None where nobody knows.
        ratio: Share of the pairs that were chosen to be exchanged; of a file without a given one, that mismatch.
        protocol: How they were chosen.
    """

    image_index: IntArray
    is_mismatch: BoolArray | None
    ratio: float
    protocol: NoiseProtocol


def training_noise(
    train: PrecompSplit, dataset: PaperDataset, *, ratio: float | None, seed: int, index_file: Path | None
) -> TrainingNoise:
    """Plants caption-level noise, or reads which captions were exchanged from a file.

    Args:
        train: The training split.
        dataset: CC152K is noisy as it is.
        ratio: Share of the captions to exchange, in [0, 1]; None = 0, or what the file says.
        seed: Of the planting.
        index_file: Of NCR (and CRCL) or DECL; decides instead of ratio and seed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The data set has real noise; the ratio is outside [0, 1] or not the file's; or the file does not
            fit the split.
    """
    if dataset.has_real_noise:
        if ratio or index_file is not None:
            raise ValueError(f"{dataset.value} has real noise: no more is planted, expected no ratio and no index file")
        return TrainingNoise(train.image_index, None, 0.0, NoiseProtocol.REAL)
    if index_file is None:
        planted = caption_level_noise(train.image_index, ratio or 0.0, seed)
        protocol = NoiseProtocol.CAPTION_LEVEL if ratio else NoiseProtocol.NONE
        return TrainingNoise(planted.image_index, planted.is_mismatch, ratio or 0.0, protocol)
    read = train.load_noise(index_file)
    share = float(read.is_mismatch.mean())
    if ratio is not None and abs(share - ratio) > _RATIO_TOLERANCE:
        raise ValueError(f"{index_file} mismatches {share:.1%} of the pairs, expected about the given {ratio:.1%}")
    return TrainingNoise(
        read.image_index, read.is_mismatch, share if ratio is None else ratio, _protocol(read, train.image_index)
    )


def save_training_noise(path: Path, train: PrecompSplit, noise: TrainingNoise) -> None:
    """Writes the noise in NCR's format, for other codes and for the next run.

    Args:
        path: The file. One that holds the same noise is left alone.
        train: The split that the noise is of; the file counts the rows of its feature file.
        noise: With known mismatches.

    Raises:
        ValueError: The file holds something else: it belongs to another run.
    """
    rows = train.feature_rows(noise.image_index)
    if path.exists():
        if not np.array_equal(map_npy(path), rows):
            raise ValueError(f"{path} holds the noise of another run, expected an empty folder or the same noise")
        return
    save_caption_to_image(path, NoisyCorrespondence.of(rows, train.row_index))


def _protocol(noisy: NoisyCorrespondence, true_index: IntArray) -> NoiseProtocol:
    """Tells a permutation of images from an exchange of captions by whether captions of one image stayed together.

    With one caption an image both are the same, and are called caption-level. Near noise, say, is neither: it gives a
    caption a like image without giving its own to another caption.
    """
    if not noisy.is_mismatch.any():
        return NoiseProtocol.NONE
    n_images = len(np.unique(true_index))
    n_moves = len(np.unique(true_index * (noisy.image_index.max() + 1) + noisy.image_index))
    stayed_together = n_moves == n_images < len(true_index)
    if stayed_together:
        return NoiseProtocol.IMAGE_LEVEL
    is_exchange = np.array_equal(np.sort(noisy.image_index), np.sort(true_index))
    return NoiseProtocol.CAPTION_LEVEL if is_exchange else NoiseProtocol.OTHER
