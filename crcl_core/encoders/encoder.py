"""What an encoder is: it turns images and captions into one global vector each, and images into regions."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from crcl_core.types import FloatArray

ByteArray = npt.NDArray[np.uint8]


class Modality(StrEnum):
    """What an encoder may be asked to embed."""

    IMAGE = "image"
    CAPTION = "caption"


class Encoder(Protocol):
    """A frozen model that gives every image and every caption one global vector, and most give an image regions too.

    Encoding an image has two steps, so that decoding and resizing can run in a thread pool while the model runs:
    `prepare_image` works on one item, holds no state and may be called from many threads at once; `encode_prepared`
    runs the model on a stack of prepared items. A prepared image is unsigned bytes, so that a batch stays small.

    Regions are the cells of a square grid over the last feature map, row by row, and behind them the mean of the whole
    map. How many cells there are is the caller's choice among the square numbers that the map allows.

    Attributes:
        name: The name under which the operator registered the encoder.
        fingerprint: SHA-256 in hex over the weights and everything that shapes their input. Equal fingerprints give
            equal vectors, so stored features are keyed by it.
        image_dim: Width of an image vector.
        caption_dim: Width of a caption vector.
        joint_dim: Width of the space that both share, or None where the two kinds of vectors are not comparable.
        prepared_shape: Shape of one prepared image: rows, columns, channels.
        region_dim: Width of a region, or None where the model has no map of positions to take regions from.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def image_dim(self) -> int: ...
    @property
    def caption_dim(self) -> int: ...
    @property
    def joint_dim(self) -> int | None: ...
    @property
    def prepared_shape(self) -> tuple[int, int, int]: ...
    @property
    def region_dim(self) -> int | None: ...

    def supports(self, modality: Modality) -> bool:
        """Say whether this encoder can embed `modality`."""
        ...

    def prepare_image(self, image: Image.Image) -> ByteArray:
        """Resize one upright image to `prepared_shape`; uint8, red, green, blue."""
        ...

    def encode_prepared(self, batch: ByteArray) -> FloatArray:
        """Embed a stack of prepared images.

        Args:
            batch: (B, *prepared_shape) uint8. B may be 0, and as large as memory holds: the encoder splits it.

        Returns:
            (B, image_dim) float32.
        """
        ...

    def encode_prepared_regions(self, batch: ByteArray, n_grid_regions: int) -> FloatArray:
        """Embed the regions of a stack of prepared images.

        Args:
            batch: As for `encode_prepared`.
            n_grid_regions: A square number; 1, 4, 9 and so on up to what the feature map holds.

        Returns:
            (B, n_grid_regions + 1, region_dim) float32, not normalised; the last region is the mean of the whole map.

        Raises:
            ValueError: The feature map cannot be divided into so many cells; the message lists what is allowed.
            EncoderError: The model has no map of positions.
        """
        ...

    def region_fingerprint(self, n_grid_regions: int) -> str:
        """SHA-256 in hex over `fingerprint` and how so many regions are made: equal ones give equal regions.

        Raises:
            ValueError: The feature map cannot be divided into so many cells; the message lists what is allowed.
            EncoderError: The model has no map of positions.
        """
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> FloatArray:
        """Prepare and embed images, (B,) to (B, image_dim) float32."""
        ...

    def encode_captions(self, captions: Sequence[str]) -> FloatArray:
        """Embed captions, (B,) to (B, caption_dim) float32, rows in the order given."""
        ...


def prepare_and_encode(encoder: Encoder, images: Sequence[Image.Image]) -> FloatArray:
    """Embed images on the calling thread alone: what `encode_images` is for an encoder without a shorter way.

    Returns:
        (B, image_dim) float32.
    """
    batch = np.empty((len(images), *encoder.prepared_shape), dtype=np.uint8)
    for row, image in enumerate(images):
        batch[row] = encoder.prepare_image(image)
    return encoder.encode_prepared(batch)


def check_prepared(encoder: Encoder, batch: ByteArray) -> None:
    """Refuse a batch that `encoder.prepare_image` cannot have made.

    Raises:
        ValueError: The shape or the type differs.
    """
    if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != encoder.prepared_shape:
        expected = ", ".join(str(size) for size in encoder.prepared_shape)
        raise ValueError(
            f"encoder {encoder.name!r}: a prepared batch is uint8 of shape (B, {expected}), "
            f"got {batch.dtype} of shape {batch.shape}"
        )
