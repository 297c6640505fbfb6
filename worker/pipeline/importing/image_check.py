"""Whether the bytes of a member are an image that can be used."""

import threading
from dataclasses import dataclass

from PIL import Image

from app.core.models import RejectionCode
from worker.pipeline.image_decoding import MAGIC_BYTES, MEDIA_TYPES, image_format, open_image, upright_rgb
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import RowFault

# Decoded, this is some 100 MB: larger ones take turns, so that memory does not grow with the number of threads.
_LARGE_PIXELS = 25_000_000
_LARGE = threading.Lock()


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """Facts of an image that was decoded to its end. Width and height are those of the upright image."""

    width_px: int
    height_px: int
    media_type: str
    n_frames: int


class ImageFaultError(Exception):
    """The bytes cannot be used as an image."""

    def __init__(self, fault: RowFault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def check_image(data: bytes, *, max_pixels: int) -> CheckedImage:
    """Decode an image in full. The size is read from its header first, so an image over the limit is never decoded.

    Raises:
        ImageFaultError: `not_an_image`, `image_too_large` or `truncated_image`.
    """
    name = image_format(data[:MAGIC_BYTES])
    if name is None:
        seen = f"it starts with {data[:4].hex(' ')}" if data else "it is empty"
        raise _fault(RejectionCode.NOT_AN_IMAGE, f"the file is not an image: {seen}, expected {', '.join(MEDIA_TYPES)}")
    try:
        with open_image(data) as image:
            if _n_pixels(image, max_pixels) > _LARGE_PIXELS:
                with _LARGE:
                    return _decoded(image, MEDIA_TYPES[name])
            return _decoded(image, MEDIA_TYPES[name])
    except ImageFaultError:
        raise
    except Exception as error:  # parsers raise whatever a hostile file leads them to; it costs its row only
        raise _fault(
            RejectionCode.TRUNCATED_IMAGE,
            f"the image starts as {name} but cannot be decoded to its end: {printable(str(error))}",
        ) from error


def _n_pixels(image: Image.Image, max_pixels: int) -> int:
    n_pixels = image.width * image.height
    if n_pixels > max_pixels:
        raise _fault(
            RejectionCode.IMAGE_TOO_LARGE,
            f"the image has {image.width} x {image.height} pixels, at most {max_pixels} in all are allowed",
        )
    return n_pixels


def _decoded(image: Image.Image, media_type: str) -> CheckedImage:
    # As the encoder will see it, so that no image that was accepted fails there.
    width, height = upright_rgb(image).size
    return CheckedImage(width, height, media_type, int(getattr(image, "n_frames", 1)))


def _fault(code: RejectionCode, detail: str) -> ImageFaultError:
    return ImageFaultError(RowFault(code, detail))
