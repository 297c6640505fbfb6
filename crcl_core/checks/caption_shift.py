"""Whether captions stand some images off, told without any training from thumbnails and words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.types import FloatArray

MIN_SHIFT_IMAGES = 100
_MAX_OFFSET = 10
_MAX_WORDS = 1_000
_MIN_IMAGES_A_WORD = 5
_IMAGE_DIMS, _WORD_DIMS = 16, 50
_N_SHUFFLES = 100
# On Flickr8k, 500 images: 7 to 14 at the true offset, below 3 at every other.
_SURE = 6.0
_AHEAD = 4.0  # of the place where the captions stand; frames of a video resemble their neighbours

_WORD = re.compile(r"\w+")


@final
@dataclass(frozen=True)
class CaptionShift:
    """Captions that fit the image some places further on.

    Attributes:
        offset: the caption of image i fits image i + offset.
        fit: how well they fit there, in standard deviations above shuffled captions.
        fit_in_place: how well they fit where they stand.
    """

    offset: int
    fit: float
    fit_in_place: float


def find_caption_shift(thumbnails: FloatArray, captions: Sequence[str], *, seed: int = 0) -> CaptionShift | None:
    """Compares colours and words of a sequence of images at each offset up to 10.

    Images of like colours have captions of like words (snow, grass, night). That says little of one image and much of
    some hundreds: the alignment of both at the right offset stands far out from that of shuffled captions.

    Args:
        thumbnails: (N, D) float32, the pixels of N images in the order in which captions may have slipped; NaN rows
            where an image could not be read.
        captions: N texts, all captions of each image.
        seed: Of the shuffles.

    Returns:
        The shift, where one is beyond doubt; None below 100 images.
    """
    n_images = len(captions)
    words = _word_weights(captions)
    if n_images < MIN_SHIFT_IMAGES or not words.size:
        return None
    pixels = np.where(np.isfinite(thumbnails), thumbnails, np.nanmean(thumbnails, axis=0, keepdims=True))
    if not np.isfinite(pixels).all():
        return None
    image_basis, word_basis = _basis(pixels, _IMAGE_DIMS), _basis(words, _WORD_DIMS)
    generator = np.random.default_rng(seed)
    shuffled = np.array(
        [_alignment(image_basis, word_basis[generator.permutation(n_images)]) for _ in range(_N_SHUFFLES)]
    )
    spread = max(float(shuffled.std()), 1e-12)
    fits = {
        offset: (_alignment_at(image_basis, word_basis, offset) - float(shuffled.mean())) / spread
        for offset in range(-_MAX_OFFSET, _MAX_OFFSET + 1)
    }
    in_place = fits.pop(0)
    best = max(fits, key=lambda offset: fits[offset])
    is_shifted = fits[best] >= _SURE and fits[best] >= in_place + _AHEAD
    return CaptionShift(best, fits[best], in_place) if is_shifted else None


def _word_weights(captions: Sequence[str]) -> FloatArray:
    """(N, W) float32, inverse document frequency of the words that a caption holds."""
    found = [set(_WORD.findall(caption.casefold())) for caption in captions]
    counts = Counter(word for words in found for word in words)
    known = [word for word, count in counts.most_common(_MAX_WORDS) if _MIN_IMAGES_A_WORD <= count < len(captions)]
    column = {word: number for number, word in enumerate(known)}
    weights = np.zeros((len(captions), len(known)), dtype=np.float32)
    for row, words in enumerate(found):
        for word in words & column.keys():
            weights[row, column[word]] = np.log(len(captions) / counts[word])
    return weights


def _basis(values: FloatArray, n_dims: int) -> FloatArray:
    """(N, n_dims) principal components, scaled by the root of their deviation so that none rules alone."""
    centred = values - values.mean(axis=0)
    left, scales, _ = np.linalg.svd(centred, full_matrices=False)
    basis: FloatArray = left[:, :n_dims] * np.sqrt(scales[:n_dims])
    return basis


def _alignment_at(images: FloatArray, words: FloatArray, offset: int) -> float:
    n_images = len(images)
    ahead, behind = max(0, offset), max(0, -offset)
    # Row i of the captions beside row i + offset of the images.
    return _alignment(images[ahead : n_images - behind], words[behind : n_images - ahead])


def _alignment(images: FloatArray, words: FloatArray) -> float:
    return float(((images.T @ words) ** 2).sum())
