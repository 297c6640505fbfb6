"""Nearest-neighbour search over the embeddings of one run: an immutable folder, exact when small, HNSW when large."""

from crcl_core.retrieval.artefact import IndexDamagedError, IndexHeader, IndexKind
from crcl_core.retrieval.index import VectorIndex, build_index, open_index

__all__ = [
    "IndexDamagedError",
    "IndexHeader",
    "IndexKind",
    "VectorIndex",
    "build_index",
    "open_index",
]
