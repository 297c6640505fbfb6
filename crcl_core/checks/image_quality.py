"""How dark, blurry, blank, narrow or small an image is, and its perceptual hash: what near-duplicates share."""

from dataclasses import dataclass
from typing import final

import imagehash
import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageStat

from crcl_core.checks.issues import ImageIssue
from crcl_core.types import BoolArray

# What is measured on pixels is measured at this size, about what encoders see: a camera's 40 megapixels are sharp
# enough when they are sharp here, and cost no more than a thumbnail.
_MEASURED_PX = 256
_TINY_PX = 128
_COARSER = 4
_MIN_SIDE_FOR_BLUR_PX = 32
_SHARP_RATIO = 0.6
_CONTRAST_RANGE = 32.0
# Below this spread, a coarse picture has no edges whose sharpness could be told.
_FEW_EDGES = 2.0
_BRIGHT_SHARE = 0.99
_WHITE = 255
_LAPLACE = ImageFilter.Kernel((3, 3), [0, 1, 0, 1, -4, 1, 0, 1, 0], scale=1, offset=128)

HASH_BITS = 64
MEASURED = (ImageIssue.DARK, ImageIssue.BLURRY, ImageIssue.BLANK, ImageIssue.ODD_ASPECT, ImageIssue.TINY)


@final
@dataclass(frozen=True, eq=False)
class ImageMeasures:
    """What one image shows.

    Attributes:
        scores: one of each of `MEASURED`, in [0, 1], low = bad.
        hash_bits: (64,) bool, its perceptual hash: copies in another size, format, brightness or in grey share most.
    """

    scores: tuple[float, ...]
    hash_bits: BoolArray


def measure_image(image: Image.Image) -> ImageMeasures:
    """Measures an upright RGB image; it is not changed. Safe to call from threads."""
    small = image
    if max(image.size) > _MEASURED_PX:
        small = image.copy()
        small.thumbnail((_MEASURED_PX, _MEASURED_PX))
    grey = small.convert("L")
    shorter, longer = sorted(image.size)
    scores = (
        _brightness(small),
        _sharpness(grey),
        min(1.0, max(ImageStat.Stat(small).stddev) / _CONTRAST_RANGE),
        shorter / longer,
        min(1.0, shorter / _TINY_PX),
    )
    return ImageMeasures(scores, np.asarray(imagehash.phash(grey).hash, dtype=np.bool_).ravel())


def _brightness(image: Image.Image) -> float:
    """What a hundredth of the pixels reaches in their lightest channel, as a share of white: red is not dark."""
    red, green, blue = image.split()
    below = np.cumsum(ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram())
    return int(np.searchsorted(below, _BRIGHT_SHARE * below[-1])) / _WHITE


def _sharpness(grey: Image.Image) -> float:
    """Edges at this size beside those at a quarter of it: blur takes the former and leaves the latter.

    The ratio does not depend on how much there is to see; a clear sky is not blurry. 1 where nothing can be told.
    """
    if min(grey.size) < _MIN_SIDE_FOR_BLUR_PX:
        return 1.0
    coarse = grey.resize((grey.width // _COARSER, grey.height // _COARSER), Image.Resampling.BOX)
    coarse_edges = _edges(coarse)
    if coarse_edges < _FEW_EDGES:
        return 1.0
    return float(min(1.0, _edges(grey) / (coarse_edges + 1) / _SHARP_RATIO))


def _edges(grey: Image.Image) -> float:
    inner = grey.filter(_LAPLACE).crop((1, 1, grey.width - 1, grey.height - 1))  # the filter copies the border
    return ImageStat.Stat(inner).stddev[0]
