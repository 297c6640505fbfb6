"""Values that the paper's official implementation computed, for tests of numerical equality."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from crcl_core.types import DoubleArray, IntArray

REFERENCE_FILE = Path(__file__).parent / "reference_crcl.npz"


def reference_array(name: str) -> DoubleArray:
    """Loads one array as float64."""
    with np.load(REFERENCE_FILE, allow_pickle=False) as arrays:
        return np.asarray(arrays[name], dtype=np.float64)


def reference_positions() -> IntArray:
    """(20, 3): round, epoch and half of each step of the label correction."""
    with np.load(REFERENCE_FILE, allow_pickle=False) as arrays:
        return np.asarray(arrays["scc/round_epoch_half"], dtype=np.int64)


def reference_batch() -> tuple[Tensor, Tensor]:
    """The six images (6, 36, 24) and six captions (6, 9) that the models embedded."""
    with np.load(REFERENCE_FILE, allow_pickle=False) as arrays:
        return torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["captions"])
