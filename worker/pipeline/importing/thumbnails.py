"""Thumbnails from images that may be decoded here."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

THUMBNAIL_PX = 8
_MAX_DECODED_PIXELS = 25_000_000


def thumbnail(image: Image.Image) -> npt.NDArray[np.float32] | None:
    """(192,) colours of 8 x 8 pixels in [0, 1]; None where the image is large or damaged."""
    if image.width * image.height > _MAX_DECODED_PIXELS:
        return None
    try:
        image.draft("RGB", (4 * THUMBNAIL_PX, 4 * THUMBNAIL_PX))  # JPEG decodes to a small size at once
        small = image.convert("RGB").resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
    except Exception:  # noqa: BLE001 - parsers raise whatever a hostile file leads them to
        return None
    pixels: npt.NDArray[np.float32] = np.asarray(small, dtype=np.float32).ravel() / np.float32(255)
    return pixels


def stacked(thumbnails: Sequence[npt.NDArray[np.float32] | None]) -> npt.NDArray[np.float32]:
    """(N, 192), rows of NaN where there is none."""
    pixels = np.full((len(thumbnails), 3 * THUMBNAIL_PX**2), np.nan, dtype=np.float32)
    for row, one in enumerate(thumbnails):
        if one is not None:
            pixels[row] = one
    return pixels
