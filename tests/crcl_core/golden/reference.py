"""Values that the paper's official implementation computed, for tests of numerical equality."""

from pathlib import Path

import numpy as np

from crcl_core.types import DoubleArray, IntArray

_FILE = Path(__file__).parent / "reference_crcl.npz"


def reference_array(name: str) -> DoubleArray:
    """Loads one array as float64."""
    with np.load(_FILE, allow_pickle=False) as arrays:
        return np.asarray(arrays[name], dtype=np.float64)


def reference_positions() -> IntArray:
    """(20, 3): round, epoch and half of each step of the label correction."""
    with np.load(_FILE, allow_pickle=False) as arrays:
        return np.asarray(arrays["scc/round_epoch_half"], dtype=np.int64)
