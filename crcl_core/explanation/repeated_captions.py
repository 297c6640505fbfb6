"""Captions that were pasted on many images."""

from collections.abc import Iterator

import numpy as np

from crcl_core.explanation.evidence import RepeatedCaption
from crcl_core.types import FloatArray, IntArray

MIN_IMAGES = 5
_MOSTLY = 0.5


def repeated_captions(
    image_index: IntArray, caption_index: IntArray, correspondence: FloatArray
) -> dict[int, RepeatedCaption]:
    """Captions at `MIN_IMAGES` distinct images or more where at least half of their pairs are expected to mismatch.

    Without the second condition a short caption that is right wherever it stands, "a cat" at five hundred cats, would
    be held against its one wrong pair.

    Args:
        image_index: (N,) int64.
        caption_index: (N,) int64.
        correspondence: (N,) in [0, 1].

    Returns:
        By row of the distinct caption.
    """
    return dict(_repeated(image_index, caption_index, correspondence))


def _repeated(
    image_index: IntArray, caption_index: IntArray, correspondence: FloatArray
) -> Iterator[tuple[int, RepeatedCaption]]:
    links = np.unique(np.stack([caption_index, image_index]), axis=1)
    n_images = np.bincount(links[0])
    n_pairs = np.bincount(caption_index)
    mismatches = np.bincount(caption_index, weights=1.0 - correspondence.astype(np.float64))
    for caption in np.flatnonzero((n_images >= MIN_IMAGES) & (mismatches >= _MOSTLY * n_pairs)):
        yield int(caption), RepeatedCaption(int(n_images[caption]), float(mismatches[caption]))
