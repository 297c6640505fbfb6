"""The k best of many scores, with an order that nothing but the scores and ids decides."""

import numpy as np

from crcl_core.types import FloatArray, IntArray


def top_k(scores: FloatArray, ids: IntArray, k: int) -> tuple[FloatArray, IntArray]:
    """Finds the k highest scores of each row; equal scores are ordered by id, lowest first.

    Args:
        scores: (q, n) float32 without NaN.
        ids: (n,) int64, ascending; the id of each column.
        k: How many to keep, 1 to n.

    Returns:
        Scores (q, k) float32, descending, and their ids (q, k) int64.
    """
    n_queries, n = scores.shape
    best_scores, best_ids = np.empty((n_queries, k), np.float32), np.empty((n_queries, k), np.int64)
    for row in range(n_queries):
        # argpartition would keep an arbitrary part of the ties at the k-th place, so every tie stays until the sort.
        kth = np.partition(scores[row], n - k)[n - k]
        columns = np.flatnonzero(scores[row] >= kth)
        kept = columns[np.argsort(-scores[row, columns], kind="stable")[:k]]
        best_scores[row], best_ids[row] = scores[row, kept], ids[kept]
    return best_scores, best_ids
