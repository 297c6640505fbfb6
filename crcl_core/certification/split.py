"""Which pairs a certificate holds out, and which each arm trains on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np

from crcl_core.certification.config import CertificationConfig
from crcl_core.seeding import numpy_generator
from crcl_core.types import BoolArray, IntArray, NotCertifiableError

MIN_HELD_OUT_IMAGES = 20
MIN_TRAINING_PAIRS = 64


class Arm(StrEnum):
    """What an arm trains on."""

    RAW = "raw"  # Every pair that is not held out.
    CLEANED = "cleaned"  # Of those, the pairs that are not flagged.
    RANDOM = "random"  # Of those, as many as are not flagged, drawn without looking.


@final
@dataclass(frozen=True, eq=False)
class CertificationSplit:
    """The split of one seed.

    Attributes:
        held_out: (n,) int64, ascending: the pairs of the held-out images.
        training: The pairs of each arm, ascending; `cleaned` and `random` are of one length.
    """

    held_out: IntArray
    training: Mapping[Arm, IntArray]

    @property
    def n_dropped(self) -> int:
        """How many pairs `cleaned` lacks, and `random` too."""
        return len(self.training[Arm.RAW]) - len(self.training[Arm.CLEANED])


def split_pairs(
    image_index: IntArray, is_flagged: BoolArray, config: CertificationConfig, seed: int
) -> CertificationSplit:
    """Draws the split of one seed.

    The held-out part is drawn by the seed from the images alone, whatever was flagged, and takes whole images with all
    their pairs: no arm sees one of its images. A caption that stands on several images may be on both sides.

    Args:
        image_index: (N,) int64, the image of each pair.
        is_flagged: (N,) bool, what cleaning drops.
        config: How much to hold out.
        seed: Draws the held-out images and what `random` drops, in streams of their own.

    Raises:
        NotCertifiableError: Nothing that an arm would train on is flagged, or too little would be left on a side.
    """
    held_out = _held_out(image_index, config, seed)
    raw = np.setdiff1d(np.arange(len(image_index), dtype=np.int64), held_out, assume_unique=True)
    cleaned = raw[~is_flagged[raw]]
    if len(cleaned) == len(raw):
        raise NotCertifiableError(
            "nothing_flagged",
            f"none of the {len(raw)} pairs that are not held out is flagged, so cleaning changes nothing to compare",
        )
    if len(cleaned) < MIN_TRAINING_PAIRS:
        raise NotCertifiableError(
            "too_few_pairs",
            f"{len(cleaned)} of {len(raw)} pairs are left to train on, expected {MIN_TRAINING_PAIRS} or more",
        )
    drawn = numpy_generator(seed, "certificate", "random drop").permutation(len(raw))[: len(cleaned)]
    return CertificationSplit(held_out, {Arm.RAW: raw, Arm.CLEANED: cleaned, Arm.RANDOM: np.sort(raw[drawn])})


def _held_out(image_index: IntArray, config: CertificationConfig, seed: int) -> IntArray:
    images = np.unique(image_index)
    n_held_out = min(round(config.held_out_ratio * len(images)), config.max_held_out_images)
    if n_held_out < MIN_HELD_OUT_IMAGES:
        raise NotCertifiableError(
            "too_few_images",
            f"{n_held_out} of {len(images)} images would be held out, expected {MIN_HELD_OUT_IMAGES} or more",
        )
    drawn = numpy_generator(seed, "certificate", "held out").permutation(images)[:n_held_out]
    return np.flatnonzero(np.isin(image_index, drawn)).astype(np.int64)
