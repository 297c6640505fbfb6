"""NumPy files from outside: mapped into memory, never unpickled."""

from pathlib import Path

import numpy as np
import numpy.typing as npt


def map_npy(path: Path) -> npt.NDArray[np.generic]:
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
        array: npt.NDArray[np.generic] = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as a .npy array of numbers: {error}") from error
    return array
