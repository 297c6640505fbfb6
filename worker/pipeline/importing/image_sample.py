"""A look at some images of a corpus: their sizes from their headers, and thumbnails of runs of them."""

from collections.abc import Sequence
from typing import final

import numpy as np
import numpy.typing as npt
from PIL import Image

from worker.pipeline.image_decoding import open_image
from worker.pipeline.importing.archive import DamagedMemberError
from worker.pipeline.importing.reading import ReadCorpus
from worker.pipeline.importing.source import CorpusSource

THUMBNAIL_PX = 8
_MAX_DECODED_PIXELS = 25_000_000


@final
class ImageSample:
    """Reads images of a corpus for a look; whatever is wrong with one shows later, when all of them are checked.

    Args:
        source: for limits and checks.
        read: where the images lie.
    """

    def __init__(self, source: CorpusSource, read: ReadCorpus) -> None:
        self._source = source
        self._read = read

    def sizes(self, names: Sequence[str]) -> list[tuple[int, int]]:
        """(width, height) as the headers say; images that cannot be opened are left out."""
        opened = (self._opened(name) for name in names)
        return [image.size for image in opened if image is not None]

    def thumbnails(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """(N, 192) colours of 8 x 8 pixels; rows of NaN where an image cannot be read."""
        pixels = np.full((len(names), 3 * THUMBNAIL_PX**2), np.nan, dtype=np.float32)
        for row, name in enumerate(names):
            image = self._opened(name)
            if image is None or image.width * image.height > _MAX_DECODED_PIXELS:
                continue
            try:
                image.draft("RGB", (4 * THUMBNAIL_PX, 4 * THUMBNAIL_PX))  # JPEG decodes to a small size at once
                small = image.convert("RGB").resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
            except Exception:  # noqa: BLE001, S112 - parsers raise whatever a hostile file leads them to
                continue
            pixels[row] = np.asarray(small, dtype=np.float32).ravel() / 255
        return pixels

    def _opened(self, name: str) -> Image.Image | None:
        self._source.check()
        member = self._read.archive.members[name]
        if member.n_bytes > self._source.limits.max_member_bytes:
            return None
        try:
            image = open_image(self._read.archive.read(member))
        except DamagedMemberError:
            return None
        except Exception:  # noqa: BLE001 - as above
            return None
        return image if image.width * image.height <= self._source.limits.max_image_pixels else None
