"""Exact search: every query against every vector, straight from the memory-mapped file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, final

import numpy as np

from crcl_core.retrieval.artefact import IndexDamagedError, IndexHeader, sync
from crcl_core.retrieval.top_k import top_k
from crcl_core.types import BoolArray, FloatArray, IntArray

FILE_NAME: Final = "vectors.npy"
# Scores held at once: 64 MiB.
_BLOCK_ELEMENTS: Final = 16 * 1024 * 1024
# Copying the allowed vectors out of the map beats scoring all of them when they are fewer than a quarter.
_GATHER_SHARE: Final = 0.25


@final
class ExactBackend:
    """Answers queries from an (n, D) float32 array of L2-normalised vectors.

    Args:
        vectors: (n, D) float32, usually a read-only memory map.
    """

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors

    def search(self, queries: FloatArray, k: int, allowed: BoolArray | None) -> tuple[FloatArray, IntArray]:
        """Finds the k best of the allowed; the caller has seen to it that k of them exist."""
        vectors, ids = self._vectors, np.arange(len(self._vectors))
        if allowed is not None and np.count_nonzero(allowed) <= _GATHER_SHARE * len(vectors):
            ids, allowed = np.flatnonzero(allowed), None
            vectors = vectors[ids]
        n_rows = max(1, _BLOCK_ELEMENTS // len(ids))
        scores, found = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), n_rows):
            block = slice(start, start + n_rows)
            similarities = queries[block] @ vectors.T  # (rows, n): row = query, column = vector
            if allowed is not None:
                similarities[:, ~allowed] = -np.inf
            scores[block], found[block] = top_k(similarities, ids, k)
        return scores, found

    def vectors(self, ids: IntArray) -> FloatArray:
        """Copies some vectors out of the map."""
        return np.array(self._vectors[ids], dtype=np.float32)


def write_vectors(blocks: Iterable[FloatArray], n: int, dimension: int, folder: Path) -> Path:
    """Writes normalised blocks (rows, D) float32, n rows in all, as one .npy file; returns its path."""
    path = folder / FILE_NAME
    with path.open("wb") as file:
        layout = {"descr": "<f4", "fortran_order": False, "shape": (n, dimension)}
        np.lib.format.write_array_header_1_0(file, layout)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
    sync(path)
    return path


def open_vectors(folder: Path, header: IndexHeader) -> ExactBackend:
    """Maps the vectors of a checked header into memory; nothing is read until a query touches it."""
    path = folder / header.file
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise IndexDamagedError(f"{path} cannot be mapped as an array: {error}") from error
    expected = (header.n, header.dimension)
    if vectors.dtype != np.float32 or vectors.shape != expected or not vectors.flags.c_contiguous:
        found = f"{vectors.dtype} {vectors.shape}"
        raise IndexDamagedError(f"{path} holds {found}, expected row-major float32 {expected}")
    return ExactBackend(vectors)
