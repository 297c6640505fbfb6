"""A look at some images of a corpus: their sizes, and thumbnails of runs of them."""

from collections.abc import Sequence
from typing import Protocol, final

import numpy as np
import numpy.typing as npt
from PIL import Image

from worker.pipeline.image_decoding import open_image
from worker.pipeline.importing.archive import DamagedMemberError
from worker.pipeline.importing.reading import ReadCorpus
from worker.pipeline.importing.source import CorpusSource
from worker.pipeline.importing.thumbnails import stacked, thumbnail


class ImageSample(Protocol):
    """Where a preflight looks at images, by the names of their members."""

    def sizes(self, names: Sequence[str]) -> list[tuple[int, int]]:
        """(width, height) of those that can be read."""

    def thumbnails(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """(N, 192) colours of 8 x 8 pixels; rows of NaN where an image cannot be read."""


@final
class ArchiveImageSample:
    """Reads the archive's images in this process: for the user's own files on their own machine only.

    Whatever is wrong with an image shows when it is imported, so here it is left out.

    Args:
        source: for limits and checks.
        read: where the images lie.
    """

    def __init__(self, source: CorpusSource, read: ReadCorpus) -> None:
        self._source = source
        self._read = read

    def sizes(self, names: Sequence[str]) -> list[tuple[int, int]]:
        """(width, height) as the headers say."""
        opened = (self._opened(name) for name in names)
        return [image.size for image in opened if image is not None]

    def thumbnails(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """See `ImageSample`."""
        opened = (self._opened(name) for name in names)
        return stacked([None if image is None else thumbnail(image) for image in opened])

    def _opened(self, name: str) -> Image.Image | None:
        self._source.check()
        member = self._read.archive.members[name]
        if member.n_bytes > self._source.limits.max_member_bytes:
            return None
        try:
            return open_image(self._read.archive.read(member))
        except DamagedMemberError:
            return None
        except Exception:  # noqa: BLE001 - parsers raise whatever a damaged file leads them to
            return None
