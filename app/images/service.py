"""Rules of images: whose they are, how their bytes leave, what a thumbnail is."""

import uuid
from collections.abc import Generator
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

from PIL import Image as PillowImage
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.models import Image
from app.core.repositories import images
from app.core.storage import Storage
from app.images.decoding import decode_image

__all__ = ["StoredImage", "decode_image", "get_image", "open_image", "stream_image", "thumbnail"]

_CHUNK_BYTES = 1024 * 1024
_JPEG_QUALITY = 85


@dataclass(frozen=True)
class StoredImage:
    """Where an image's original bytes lie, and what they are.

    Attributes:
        readable_place: (key, offset, bytes) of what to decode, see `Image.readable_place`.
    """

    id: uuid.UUID
    corpus_version_id: uuid.UUID
    sha256: str
    shard_key: str
    shard_offset: int
    n_bytes: int
    media_type: str
    filename: str
    readable_place: tuple[str, int, int]


def get_image(session: Session, workspace_id: uuid.UUID, image_id: uuid.UUID) -> StoredImage:
    """The place of an image.

    Raises:
        NotFoundError: no such image in this workspace.
    """
    image = images.find_image(session, workspace_id, image_id)
    if image is None:
        raise NotFoundError(f"image {image_id} does not exist")
    return _stored(image)


def stream_image(storage: Storage, image: StoredImage) -> Generator[bytes, None, None]:
    """The original bytes, a piece at a time. The first is read now, so that a missing object is told as an error."""
    first = _read(storage, image, 0)

    def pieces() -> Generator[bytes, None, None]:
        yield first
        for start in range(_CHUNK_BYTES, image.n_bytes, _CHUNK_BYTES):
            yield _read(storage, image, start)

    return pieces()


def open_image(storage: Storage, image: StoredImage, *, max_pixels: int) -> PillowImage.Image:
    """The pixels of a stored image, upright and in RGB."""
    return decode_image(_read_readable(storage, image), max_pixels=max_pixels)


def thumbnail(storage: Storage, image: StoredImage, *, longest_px: int, max_pixels: int) -> bytes:
    """A JPEG made anew from the pixels: nothing of the uploaded file, its metadata included, survives.

    Args:
        storage: where the shards are.
        image: the image.
        longest_px: longest side; a smaller image keeps its size.
        max_pixels: the most pixels that are decoded.
    """
    small = decode_image(_read_readable(storage, image), max_pixels=max_pixels, shrink_to_px=longest_px)
    small.thumbnail((longest_px, longest_px), PillowImage.Resampling.LANCZOS)
    jpeg = BytesIO()
    small.save(jpeg, "JPEG", quality=_JPEG_QUALITY)
    return jpeg.getvalue()


def _read(storage: Storage, image: StoredImage, start: int) -> bytes:
    n_bytes = min(_CHUNK_BYTES, image.n_bytes - start)
    return storage.read_range(image.shard_key, image.shard_offset + start, n_bytes)


def _read_readable(storage: Storage, image: StoredImage) -> bytes:
    return storage.read_range(*image.readable_place)


def _stored(image: Image) -> StoredImage:
    return StoredImage(
        id=image.id,
        corpus_version_id=image.corpus_version_id,
        sha256=image.sha256.hex(),
        shard_key=image.shard_key,
        shard_offset=image.shard_offset,
        n_bytes=image.n_bytes,
        media_type=image.media_type,
        filename=PurePosixPath(image.source_path).name or str(image.id),
        readable_place=image.readable_place,
    )
