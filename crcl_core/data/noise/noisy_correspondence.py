"""Pairs with known mismatches, and what every noise protocol checks and draws first."""

from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.types import BoolArray, IntArray


@final
@dataclass(frozen=True)
class NoisyCorrespondence:
    """Pairs some of whose images were exchanged.

    Attributes:
        image_index: (N,) int64, the image that each caption is now paired with.
        is_mismatch: (N,) bool, True where that is not its own image.
    """

    image_index: IntArray
    is_mismatch: BoolArray

    @classmethod
    def of(cls, noisy_index: IntArray, true_index: IntArray) -> "NoisyCorrespondence":
        """Compares the images that captions have now with their own, both (N,) int64."""
        return cls(image_index=noisy_index, is_mismatch=noisy_index != true_index)


def chosen_positions(n: int, ratio: float, random: np.random.Generator) -> IntArray:
    """Draws `int(ratio * n)` of `n` positions, in random order.

    Raises:
        ValueError: The ratio is outside [0, 1].
    """
    require_ratio(ratio)
    return random.permutation(n)[: int(ratio * n)]


def require_ratio(ratio: float) -> None:
    """Raises ValueError unless the ratio is within [0, 1]."""
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio is {ratio}, expected a number in [0, 1]")
