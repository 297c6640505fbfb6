"""ECCV Caption: retrieval on COCO's test images judged by all right answers that people and models found."""

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import numpy.typing as npt

from crcl_core.types import CrclError, IntArray

if TYPE_CHECKING:
    from eccv_caption import Metrics

_Floats = npt.NDArray[Any]
_RowReader = Callable[[int, int], _Floats]

# Recall looks at 10; mean average precision at as many as a query has right answers, 48 at most.
_MIN_RANKED: Final = 10
_BLOCK_ELEMENTS: Final = 4 * 1024 * 1024
_TARGETS: Final = ("eccv_map_at_r", "eccv_rprecision", "eccv_r1", "cxc_recalls")


class EccvCaptionMissingError(CrclError):
    """The package `eccv-caption`, which holds the annotations, is not installed."""


@final
@dataclass(frozen=True, kw_only=True)
class DirectionMetrics:
    """Retrieval quality in one direction, all percentages in [0, 100].

    Attributes:
        eccv_map_at_r: Mean average precision at R, R being how many right answers a query has in ECCV Caption.
        eccv_r_precision: Share of right answers among the first R.
        eccv_r1: How often the first is right by ECCV Caption.
        cxc_r1: Recall at 1 by Crisscrossed Captions; so cxc_r5 and cxc_r10.
    """

    eccv_map_at_r: float
    eccv_r_precision: float
    eccv_r1: float
    cxc_r1: float
    cxc_r5: float
    cxc_r10: float


@final
@dataclass(frozen=True, kw_only=True)
class EccvCaptionMetrics:
    """Retrieval quality on COCO's 5,000 test images and 25,000 captions, in both directions.

    Recall by the original pairs ("COCO 5K") is `recall_at_k` of the same similarities.
    """

    image_to_text: DirectionMetrics
    text_to_image: DirectionMetrics


def coco_test_ids() -> tuple[IntArray, IntArray]:
    """Returns the COCO ids of the test images (5000,) and captions (25000,) in the order of the "precomp" folders.

    There captions 5 i to 5 i + 4 belong to image i, so features of `testall` line up with these ids.

    Raises:
        EccvCaptionMissingError: The package is not installed.
    """
    annotations = _annotations()
    caption_ids: IntArray = np.asarray(annotations.coco_ids, dtype=np.int64)
    image_of = annotations.coco_gts["t2i"]
    image_ids = np.array([image_of[caption_id][0] for caption_id in caption_ids.tolist()])
    # `unique` alone would sort; the places of first appearance keep the order.
    return image_ids[np.sort(np.unique(image_ids, return_index=True)[1])], caption_ids


def eccv_caption_metrics(similarities: _Floats, image_ids: IntArray, caption_ids: IntArray) -> EccvCaptionMetrics:
    """Judges a similarity matrix of COCO's test images and captions by the package `eccv-caption`.

    Among equal similarities the lower row or column comes first.

    Args:
        similarities: (5000, 25000) float, row = image, column = caption; finite; higher = closer.
        image_ids: (5000,) int64, the COCO id of each row, in any order.
        caption_ids: (25000,) int64, the COCO annotation id of each column, in any order.

    Raises:
        EccvCaptionMissingError: The package is not installed; the extra `paper` brings it.
        ValueError: The ids are not those of COCO's test images and captions, each once, or do not fit the matrix.

    Source: Chun et al., "ECCV Caption" (ECCV 2022); Parekh et al., "Crisscrossed Captions" (EACL 2021).
    """
    return _judged(
        lambda a, b: similarities[a:b], lambda a, b: similarities[:, a:b].T, similarities.shape, image_ids, caption_ids
    )


def eccv_caption_metrics_of_embeddings(
    image_embeddings: _Floats, caption_embeddings: _Floats, image_ids: IntArray, caption_ids: IntArray
) -> EccvCaptionMetrics:
    """Computes `eccv_caption_metrics` by dot product of embeddings (5000, J) and (25000, J), block by block."""
    return _judged(
        lambda a, b: image_embeddings[a:b] @ caption_embeddings.T,
        lambda a, b: caption_embeddings[a:b] @ image_embeddings.T,
        (len(image_embeddings), len(caption_embeddings)),
        image_ids,
        caption_ids,
    )


def _judged(
    read_images: _RowReader,
    read_captions: _RowReader,
    shape: tuple[int, ...],
    image_ids: IntArray,
    caption_ids: IntArray,
) -> EccvCaptionMetrics:
    annotations = _annotations()
    if shape != (len(image_ids), len(caption_ids)):
        raise ValueError(f"similarities are {shape}, expected {(len(image_ids), len(caption_ids))}: one for each id")
    _require_test_ids("image_ids", image_ids, annotations.coco_gts["i2t"])
    _require_test_ids("caption_ids", caption_ids, annotations.coco_gts["t2i"])
    captions_of = _ranked(read_images, image_ids, caption_ids, _most_answers(annotations, "i2t"))
    images_of = _ranked(read_captions, caption_ids, image_ids, _most_answers(annotations, "t2i"))
    # The package draws a progress bar whether it is asked to or not.
    with contextlib.redirect_stderr(io.StringIO()):
        measured = annotations.compute_all_metrics(captions_of, images_of, target_metrics=_TARGETS, Ks=(1, 5, 10))
    return EccvCaptionMetrics(
        image_to_text=_of_direction(measured, "i2t"), text_to_image=_of_direction(measured, "t2i")
    )


def _annotations() -> "Metrics":
    try:
        with warnings.catch_warnings():
            # It warns that it takes the `json` of Python where `ujson` is not installed.
            warnings.simplefilter("ignore")
            from eccv_caption import Metrics
    except ModuleNotFoundError as error:
        raise EccvCaptionMissingError(
            "ECCV Caption needs the package eccv-caption, which is not installed: pip install 'mispair[paper]'"
        ) from error
    return Metrics()


def _require_test_ids(name: str, ids: IntArray, known: dict[int, list[int]]) -> None:
    given = set(np.asarray(ids).tolist())
    n_missing, n_unknown = len(known.keys() - given), len(given - known.keys())
    if n_missing or n_unknown or len(given) != len(ids):
        raise ValueError(
            f"{name} lack {n_missing} of the {len(known)} ids of COCO's test split, have {n_unknown} others and "
            f"{len(ids) - len(given)} repeated ones; expected each test id once"
        )


def _most_answers(annotations: "Metrics", direction: str) -> int:
    return max(_MIN_RANKED, *(len(answers) for answers in annotations.eccv_gts[direction].values()))


def _ranked(read_rows: _RowReader, query_ids: IntArray, candidate_ids: IntArray, k: int) -> dict[int, list[int]]:
    """The ids of each query's k closest candidates, closest first."""
    ids = np.asarray(candidate_ids)
    k = min(k, len(ids))
    n_rows = max(1, _BLOCK_ELEMENTS // len(ids))
    ranked: dict[int, list[int]] = {}
    for start in range(0, len(query_ids), n_rows):
        similarities = np.asarray(read_rows(start, start + n_rows))
        if not np.isfinite(similarities).all():
            raise ValueError("the similarities hold a value that is not finite; expected finite numbers")
        closest = _closest(similarities, k)
        ids_of_queries = query_ids[start : start + n_rows].tolist()
        ranked |= dict(zip(ids_of_queries, ids[closest].tolist(), strict=True))
    return ranked


def _closest(similarities: _Floats, k: int) -> IntArray:
    """Columns (n, k) of the highest values of each row, the highest first, among equals the lower column."""
    # The k-th value splits a row exactly; where several equal it a full sort of that row decides among them.
    kth = np.partition(similarities, -k, axis=1)[:, -k]
    order = np.empty((len(similarities), k), dtype=np.int64)
    for number, (row, threshold) in enumerate(zip(similarities, kth, strict=True)):
        columns = np.flatnonzero(row >= threshold)
        order[number] = columns[np.argsort(-row[columns], kind="stable")[:k]]
    return order


def _of_direction(measured: dict[str, dict[str, float]], direction: str) -> DirectionMetrics:
    def percent(name: str) -> float:
        return 100.0 * float(measured[name][direction])

    return DirectionMetrics(
        eccv_map_at_r=percent("eccv_map_at_r"),
        eccv_r_precision=percent("eccv_rprecision"),
        eccv_r1=percent("eccv_r1"),
        cxc_r1=percent("cxc_r1"),
        cxc_r5=percent("cxc_r5"),
        cxc_r10=percent("cxc_r10"),
    )
