"""At which offsets blocks may be shifted."""

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.types import IntArray

# So many captions of so many pairs in a row must lie equally far from an image that fits them.
_WINDOW = 64
_FEWEST = 6
_MOST_OFFSETS = 100


def block_offsets(features: PairFeatures, rows: IntArray, images: IntArray, *, small: int) -> list[int]:
    """Lists all small offsets, and others that captions near each other agree on: at most 100 of these.

    Args:
        features: The corpus.
        rows: (n,) int64, flagged pairs.
        images: (n, K) int64, the images that fit the caption of each; -1 for none.
        small: Offsets up to this are always worth trying.
    """
    reach = min(small, features.n_pairs - 1)
    near = [offset for offset in range(-reach, reach + 1) if offset]
    captions, places = _agreements(features, rows, images)
    offsets = captions - places  # The image's pair should have the caption so far away.
    is_far = np.abs(offsets) > small
    votes = np.stack((offsets[is_far], places[is_far] // _WINDOW), axis=1)
    found, counts = np.unique(votes, axis=0, return_counts=True) if len(votes) else (votes, np.empty(0, np.int64))
    is_many = counts >= _FEWEST
    order = np.argsort(-counts[is_many], kind="stable")
    far = dict.fromkeys(found[is_many][order, 0].tolist())
    return near + list(far)[:_MOST_OFFSETS]


def _agreements(features: PairFeatures, rows: IntArray, images: IntArray) -> tuple[IntArray, IntArray]:
    """Each caption's pair beside every pair of each image that fits it: two (v,) int64."""
    order = np.argsort(features.image_index, kind="stable")
    ordered = features.image_index[order]
    wanted = images.ravel()
    first = np.searchsorted(ordered, wanted, side="left")
    counts = np.where(wanted >= 0, np.searchsorted(ordered, wanted, side="right") - first, 0)
    entries = np.repeat(np.arange(len(wanted)), counts)
    within = np.arange(len(entries)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows[entries // max(images.shape[1], 1)], order[first[entries] + within]
