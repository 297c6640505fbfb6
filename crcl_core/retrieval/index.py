"""Building, opening and searching the retrieval index of a run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, final

import numpy as np

from crcl_core.retrieval.artefact import (
    HEADER_NAME,
    IndexDamagedError,
    IndexHeader,
    IndexKind,
    file_sha256,
    read_header,
    write_header,
)
from crcl_core.retrieval.exact import open_vectors, write_vectors
from crcl_core.retrieval.hnsw import open_graph, write_graph
from crcl_core.types import BoolArray, FloatArray, IntArray

PAD_ID: Final = -1
_BLOCK_ROWS: Final = 65_536
_SAMPLE_ROWS: Final = 65_536


class _Backend(Protocol):
    """Finds the k best of the allowed among n vectors, where at least k >= 1 are allowed; nothing to pad."""

    def search(self, queries: FloatArray, k: int, allowed: BoolArray | None) -> tuple[FloatArray, IntArray]: ...

    def vectors(self, ids: IntArray) -> FloatArray: ...


@final
class VectorIndex:
    """Cosine search over n immutable vectors. Made by `open_index`; safe to search from several threads.

    Args:
        header: What the index holds.
        backend: How it finds neighbours.
    """

    def __init__(self, header: IndexHeader, backend: _Backend) -> None:
        self._header = header
        self._backend = backend

    @property
    def n(self) -> int:
        """Number of vectors; ids are 0 to n - 1, the rows given to `build_index`."""
        return self._header.n

    @property
    def dimension(self) -> int:
        """Width that queries must have."""
        return self._header.dimension

    @property
    def kind(self) -> IndexKind:
        """Exact or HNSW."""
        return self._header.kind

    def search(self, queries: FloatArray, k: int, allowed: BoolArray | None = None) -> tuple[FloatArray, IntArray]:
        """Finds the k nearest vectors of each query by cosine similarity.

        The filter works inside the search: whenever at least k vectors are allowed, k come back.

        Args:
            queries: (q, D) float, finite; normalised here, a zero vector is equally near to all.
            k: How many to find, at least 1; may exceed n.
            allowed: (n,) bool, which ids may be found; None = all.

        Returns:
            Scores (q, k) float32 in [-1, 1] up to rounding, descending, and ids (q, k) int64; equal scores by id.
            Where fewer than k vectors are allowed, the rest has id -1 and score -inf.

        Raises:
            ValueError: A shape, type or value is not as above; the message names it.
        """
        normalised = self._check_queries(queries)
        if k < 1:
            raise ValueError(f"k is {k}, expected at least 1")
        n_allowed = self.n if allowed is None else self._count_allowed(allowed)
        scores = np.full((len(normalised), k), -np.inf, dtype=np.float32)
        ids = np.full((len(normalised), k), PAD_ID, dtype=np.int64)
        n_found = min(k, n_allowed)
        if n_found and len(normalised):
            scores[:, :n_found], ids[:, :n_found] = self._backend.search(normalised, n_found, allowed)
        return scores, ids

    def vectors(self, ids: IntArray) -> FloatArray:
        """The vectors with these ids, (len(ids), D) float32, as the index holds them: an HNSW one in bytes a dimension.

        Raises:
            IndexError: An id is not in [0, n).
        """
        ids = np.asarray(ids, dtype=np.int64)
        if len(ids) and not 0 <= ids.min() <= ids.max() < self.n:
            raise IndexError(f"ids reach from {ids.min()} to {ids.max()}, expected 0 to {self.n - 1}")
        return self._backend.vectors(ids)

    def _check_queries(self, queries: FloatArray) -> FloatArray:
        queries = np.asarray(queries)
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise ValueError(f"queries have shape {queries.shape}, expected (n_queries, {self.dimension})")
        return _normalise(queries, what="queries")

    def _count_allowed(self, allowed: BoolArray) -> int:
        if allowed.shape != (self.n,) or allowed.dtype != np.bool_:
            raise ValueError(f"allowed is {allowed.dtype} of shape {allowed.shape}, expected bool of shape ({self.n},)")
        return int(np.count_nonzero(allowed))


def build_index(vectors: FloatArray, folder: Path, *, exact_below: int = 50_000) -> IndexHeader:
    """Writes the index of some vectors into a folder; the same vectors give the same bytes.

    Args:
        vectors: (n, D) float, finite, D >= 1; normalised here. May be a memory map: it is read in blocks.
        folder: Made if need be. What an interrupted build left in it is overwritten.
        exact_below: From this many vectors on the index is an HNSW graph, below it an exact one.

    Returns:
        The header that was written.

    Raises:
        FileExistsError: The folder holds a finished index, which never changes.
        ValueError: The vectors have another shape or hold a value that is not finite.
    """
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise ValueError(f"vectors have shape {vectors.shape}, expected (n, dimension) with a dimension of at least 1")
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / HEADER_NAME).exists():
        raise FileExistsError(f"{folder} holds a finished index; an index never changes, build into another folder")
    n, dimension = vectors.shape
    kind = IndexKind.HNSW if n and n >= exact_below else IndexKind.EXACT
    if kind is IndexKind.HNSW:
        path = write_graph(_normalised_blocks(vectors), _sample(vectors), folder)
    else:
        path = write_vectors(_normalised_blocks(vectors), n, dimension, folder)
    header = IndexHeader.of_file(path, kind=kind, n=n, dimension=dimension)
    write_header(folder, header)
    return header


def open_index(folder: Path, *, verify_checksum: bool = False) -> VectorIndex:
    """Opens an index, memory-mapped: opening is quick and processes share the pages.

    The header and the size of the file are always checked, an HNSW file's checksum too.

    Args:
        folder: What `build_index` filled.
        verify_checksum: Also hash an exact index, which reads all of it.

    Raises:
        IndexDamagedError: The index is incomplete, altered, or of an unknown format.
    """
    header = read_header(folder)
    if header.kind is IndexKind.HNSW:
        return VectorIndex(header, open_graph(folder, header))
    if verify_checksum and file_sha256(folder / header.file) != header.sha256:
        raise IndexDamagedError(
            f"{folder / header.file} does not have the SHA-256 of its header: its bytes were altered"
        )
    return VectorIndex(header, open_vectors(folder, header))


def _normalised_blocks(vectors: FloatArray) -> Iterator[FloatArray]:
    for start in range(0, len(vectors), _BLOCK_ROWS):
        yield _normalise(np.asarray(vectors[start : start + _BLOCK_ROWS]), what="vectors")


def _sample(vectors: FloatArray) -> FloatArray:
    """Evenly spaced rows: enough to fix the range of a byte, and no randomness to seed."""
    step = -(-len(vectors) // _SAMPLE_ROWS)
    return _normalise(np.asarray(vectors[::step]), what="vectors")


def _normalise(vectors: FloatArray, *, what: str) -> FloatArray:
    """L2-normalises rows, in float64 so that no finite vector overflows; zero rows stay zero."""
    doubles = np.asarray(vectors, dtype=np.float64)
    if not np.isfinite(doubles).all():
        raise ValueError(f"the {what} hold a value that is not finite; expected finite numbers")
    norms = np.linalg.norm(doubles, axis=1, keepdims=True)
    normalised: FloatArray = (doubles / np.where(norms > 0, norms, 1)).astype(np.float32)
    return normalised
