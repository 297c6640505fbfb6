"""NumPy files from outside: mapped into memory, never unpickled."""

from pathlib import Path
from typing import Any

import numpy as np

NumberMap = np.memmap[tuple[int, ...], np.dtype[Any]]  # Any: the dtype is the file's, and its reader checks it


def map_npy(path: Path) -> NumberMap:
    """Maps a `.npy` file into memory, read-only; nothing but its header is read.

    Args:
        path: The file; it must stay as it is while the array is used.

    Returns:
        The array as the file describes it: any plain dtype and shape.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a .npy file, holds Python objects, or is shorter than its header says.
    """
    try:
        array: NumberMap = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as a .npy array of numbers: {error}") from error
    return array
