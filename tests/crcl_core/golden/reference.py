"""The reference values of the paper's own implementation, read once."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

_PATH = Path(__file__).with_name("reference_crcl.npz")


@cache
def reference(name: str) -> npt.NDArray[np.float64]:
    """One array of `reference_crcl.npz`, as float64."""
    with np.load(_PATH, allow_pickle=False) as arrays:
        values: npt.NDArray[np.float64] = arrays[name].astype(np.float64)
    return values
