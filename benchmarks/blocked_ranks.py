"""How long recall over large test sets takes, and how much memory, when the matrix of similarities is never held.

    python benchmarks/blocked_ranks.py

Measures recall both ways over 25,000 images x 25,000 captions and over 5,000 x 25,000 (COCO 5K), and checks, over
5,000 x 5,000 and 1,000 x 5,000, that it equals recall from the whole matrix, counted another way. The embeddings are
whole numbers small enough that every dot product is exact in float32: equality, ties included, then says something
about the counting and not about the order of summation. `OPENBLAS_NUM_THREADS` sets the threads.
"""

import argparse
import resource
import time
from dataclasses import dataclass

import numpy as np
from measuring import describe_machine, print_result, print_table

from crcl_core.evaluation import RetrievalMetrics, recall_at_k_of_embeddings
from crcl_core.types import BoolArray, FloatArray, IntArray

# Products of 512 numbers of this size stay below 2^24, up to which float32 holds every whole number.
_LARGEST = 127
_CHECKED = ((5_000, 1), (1_000, 5))


@dataclass(frozen=True)
class TestSet:
    """Embeddings of images and of their captions, in the order of the images."""

    images: FloatArray
    captions: FloatArray
    image_index: IntArray


def main() -> None:
    """Run the benchmark."""
    asked = _parse()
    # The large ones first: the peak of a process never falls, and the check holds whole matrices.
    rows = [measure(n_images, each, asked.dim) for n_images, each in ((asked.captions, 1), (asked.captions // 5, 5))]
    peak_rss_mib = rows[-1][-1]
    is_equal = all(equals_whole_matrix(build(n_images, each, asked.dim)) for n_images, each in _CHECKED)
    print(f"machine: {describe_machine()}\n")
    print_table(("images", "captions", "width", "seconds", "r_sum", "peak MiB so far"), rows)
    print()
    print_result({"seconds": rows[0][3], "peak_rss_mib": peak_rss_mib, "equal": is_equal})


def measure(n_images: int, n_captions_each: int, dim: int) -> tuple[int, int, int, float, float, int]:
    """Time recall over a test set: images, captions, width, seconds, r_sum and the process's peak memory in MiB."""
    made = build(n_images, n_captions_each, dim)
    started_at = time.monotonic()
    recall = recall_at_k_of_embeddings(made.images, made.captions, made.image_index)
    seconds = round(time.monotonic() - started_at, 1)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return n_images, len(made.captions), dim, seconds, round(recall.r_sum, 1), peak_mib


def build(n_images: int, n_captions_each: int, dim: int) -> TestSet:
    """Draw whole-numbered embeddings; a caption is its image, faint among noise."""
    random = np.random.default_rng(0)
    images = np.rint(30 * random.standard_normal((n_images, dim), dtype=np.float32))
    image_index = np.repeat(np.arange(n_images), n_captions_each)
    captions: FloatArray = images[image_index] * np.float32(0.2)
    captions += 30 * random.standard_normal(captions.shape, dtype=np.float32)
    np.rint(captions, out=captions)
    for embeddings in (images, captions):
        np.clip(embeddings, -_LARGEST, _LARGEST, out=embeddings)
    return TestSet(images, captions, image_index)


def equals_whole_matrix(made: TestSet) -> bool:
    """Whether blocked recall equals recall from the whole matrix."""
    blocked = recall_at_k_of_embeddings(made.images, made.captions, made.image_index)
    return blocked == whole_matrix_recall(made)


def whole_matrix_recall(made: TestSet) -> RetrievalMetrics:
    """Recall from the sorted whole matrix: a query's best right answer stands behind all wrong ones of its score."""
    similarities = made.images @ made.captions.T  # (I, C)
    is_right = made.image_index == np.arange(len(made.images))[:, None]  # (I, C)
    of_images = _ranks_of_best(similarities, is_right)
    of_captions = _ranks_of_best(similarities.T, is_right.T)
    return RetrievalMetrics(
        **{f"image_to_text_{name}": value for name, value in _summary(of_images).items()},
        **{f"text_to_image_{name}": value for name, value in _summary(of_captions).items()},
    )


def _ranks_of_best(similarities: FloatArray, is_right: BoolArray) -> IntArray:
    best = np.where(is_right, similarities, -np.inf).max(axis=1)
    wrong = np.sort(np.where(is_right, -np.inf, similarities), axis=1)
    at_least = [row.size - np.searchsorted(row, score) for row, score in zip(wrong, best, strict=True)]
    return 1 + np.array(at_least)


def _summary(ranks: IntArray) -> dict[str, float]:
    recalls = {f"r{k}": 100.0 * float((ranks <= k).sum() / len(ranks)) for k in (1, 5, 10)}
    return {**recalls, "median_rank": float(np.median(ranks)), "mean_rank": float(np.average(ranks))}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=25_000, help="how many captions, a multiple of 5")
    parser.add_argument("--dim", type=int, default=512, help="width of the embeddings, at most 1,000")
    return parser.parse_args()


if __name__ == "__main__":
    main()
