"""Approximate search: an HNSW graph over vectors of one byte a dimension, by faiss, memory-mapped."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from crcl_core.retrieval.artefact import IndexDamagedError, IndexHeader, file_sha256, sync
from crcl_core.retrieval.top_k import top_k
from crcl_core.types import BoolArray, FloatArray, IntArray

FILE_NAME: Final = "vectors.faiss"
# 32 links a vector, 8 bits a dimension: recall@10 of 0.98 on clustered vectors at a third of float32's size.
_FACTORY: Final = "HNSW32,SQ8"
# Breadth of the walk through the graph when nothing is filtered.
_EF_SEARCH: Final = 128
# A walk under a filter visits many vectors that it may not return; so few allowed ones are quicker, and exact, in turn.
_ONE_BY_ONE: Final = 20_000
_DECODE_ROWS: Final = 16_384


@final
class HnswBackend:
    """Answers queries from a faiss HNSW index over L2-normalised vectors.

    Args:
        index: What faiss read; any type, because faiss ships no type information.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    def search(self, queries: FloatArray, k: int, allowed: BoolArray | None) -> tuple[FloatArray, IntArray]:
        """Finds about the k best of the allowed, always k; the caller has seen to it that k of them exist."""
        n_allowed = self._index.ntotal if allowed is None else int(np.count_nonzero(allowed))
        if allowed is not None and n_allowed <= _ONE_BY_ONE:
            return self._search_one_by_one(queries, k, np.flatnonzero(allowed))
        scores, ids = self._walk(queries, k, allowed, n_allowed)
        is_short = (ids < 0).any(axis=1)
        if is_short.any():
            # The walk ended in a region where little is allowed; the promise is k results when k exist.
            every = np.arange(self._index.ntotal) if allowed is None else np.flatnonzero(allowed)
            scores[is_short], ids[is_short] = self._search_one_by_one(queries[is_short], k, every)
        order = np.lexsort((ids, -scores), axis=1)
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)

    def vectors(self, ids: IntArray) -> FloatArray:
        """Decodes some vectors from their bytes."""
        decoded: FloatArray = self._index.reconstruct_batch(ids)
        return decoded

    def _walk(
        self, queries: FloatArray, k: int, allowed: BoolArray | None, n_allowed: int
    ) -> tuple[FloatArray, IntArray]:
        import faiss

        share = n_allowed / self._index.ntotal
        parameters = faiss.SearchParametersHNSW()  # type: ignore[attr-defined]  # faiss's stubs do not know it
        parameters.efSearch = int(max(_EF_SEARCH, 2 * k) / share)
        if allowed is not None:
            # Bit i of byte i // 8, lowest first. Python owns the selector, faiss only points at it: keep both alive.
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg,arg-type]  # its stubs show the C++ one
            parameters.sel = selector
        scores, ids = self._index.search(queries, k, params=parameters)
        return scores, ids.astype(np.int64, copy=False)

    def _search_one_by_one(self, queries: FloatArray, k: int, ids: IntArray) -> tuple[FloatArray, IntArray]:
        """Scores every one of the given vectors, decoded from their bytes a block at a time."""
        best_scores = np.empty((len(queries), 0), np.float32)
        best_ids = np.empty((len(queries), 0), np.int64)
        for start in range(0, len(ids), _DECODE_ROWS):
            block = ids[start : start + _DECODE_ROWS]
            similarities = queries @ self._index.reconstruct_batch(block).T  # (q, rows)
            scores, found = top_k(similarities, block, min(k, len(block)))
            best_scores, best_ids = np.hstack([best_scores, scores]), np.hstack([best_ids, found])
        order = np.lexsort((best_ids, -best_scores), axis=1)[:, :k]
        return np.take_along_axis(best_scores, order, axis=1), np.take_along_axis(best_ids, order, axis=1)


def write_graph(blocks: Iterable[FloatArray], sample: FloatArray, folder: Path) -> Path:
    """Builds and writes the graph over normalised blocks (rows, D) float32; returns the file.

    Args:
        blocks: The vectors in order of id.
        sample: Rows (s, D) that fix the range of each dimension's byte.
        folder: Where the file goes.
    """
    import faiss

    index = faiss.index_factory(sample.shape[1], _FACTORY, faiss.METRIC_INNER_PRODUCT)
    n_threads = faiss.omp_get_max_threads()
    # Threads that insert at once make the graph depend on their timing. One thread adds about 14,000 vectors a second.
    faiss.omp_set_num_threads(1)
    try:
        index.train(sample)
        for block in blocks:
            index.add(block)
    finally:
        faiss.omp_set_num_threads(n_threads)
    path = folder / FILE_NAME
    faiss.write_index(index, str(path))
    sync(path)
    return path


def open_graph(folder: Path, header: IndexHeader) -> HnswBackend:
    """Maps the graph of a checked header into memory.

    The whole file is hashed first, always: faiss follows the links that it finds in the file, so one wrong byte could
    crash the process instead of raising.
    """
    import faiss

    path = folder / header.file
    if file_sha256(path) != header.sha256:
        raise IndexDamagedError(f"{path} does not have the SHA-256 of its header: its bytes were altered")
    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    if (index.ntotal, index.d) != (header.n, header.dimension):
        found, expected = (index.ntotal, index.d), (header.n, header.dimension)
        raise IndexDamagedError(f"{path} holds {found} vectors and dimensions, expected {expected}")
    return HnswBackend(index)
