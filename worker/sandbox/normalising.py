"""An image of any kind as what the rest of Mispair reads: upright, RGB, one frame, of a bounded size.

Imported by the sandbox's children, so it brings Pillow and nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO

from PIL import Image

from worker.pipeline.image_decoding import MAGIC_BYTES, MEDIA_TYPES, image_format, open_image, upright_rgb
from worker.sandbox.webp_header import webp_size

# Decoded, this is some 100 MB, and turning it upright takes as much again a step. Larger ones are made small first.
_LARGE_PIXELS = 25_000_000
# An original of these is read as it is; others get a normal form beside it.
_PLAIN_PIXELS = 4_000_000
_PLAIN_MODES = frozenset({"RGB", "L"})
_PLAIN_FORMATS = frozenset({"JPEG", "PNG"})
_NORMAL_SIDE_PX = 1_024
_NORMAL_QUALITY = 95
_ORIENTATION = 0x0112
_UPRIGHT = 1
_LYING = range(5, 9)  # orientations whose width and height are exchanged
_MAX_DETAIL = 300


class ImageRefusal(StrEnum):
    """Why bytes are not taken as an image; the values are those of `RejectionCode`."""

    NOT_AN_IMAGE = "not_an_image"
    IMAGE_TOO_LARGE = "image_too_large"
    TRUNCATED_IMAGE = "truncated_image"
    DECODING_TOO_SLOW = "decoding_too_slow"
    DECODER_DIED = "decoder_died"


class ImageRefusedError(Exception):
    """The bytes cannot be used as an image."""

    def __init__(self, code: ImageRefusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts of an image that was decoded to its end. Width and height are those of the upright image."""

    width_px: int
    height_px: int
    media_type: str
    n_frames: int


@dataclass(frozen=True, slots=True)
class NormalisedImage:
    """An image that can be used.

    Attributes:
        facts: of the original.
        normal: a JPEG of the first frame, upright, RGB, at most 1,024 px a side; None where the original is plain: a
            JPEG or PNG of one frame in RGB or grey, upright, of at most 4 megapixels.
    """

    facts: ImageFacts
    normal: bytes | None


def normalise_image(data: bytes, *, max_pixels: int) -> NormalisedImage:
    """Decode an image in full. The size is read from its header first, so an image over the limit is never decoded.

    Raises:
        ImageRefusedError: `not_an_image`, `image_too_large` or `truncated_image`.
    """
    name = image_format(data[:MAGIC_BYTES])
    if name is None:
        seen = f"it starts with {data[:4].hex(' ')}" if data else "it is empty"
        raise ImageRefusedError(
            ImageRefusal.NOT_AN_IMAGE, f"the file is not an image: {seen}, expected {', '.join(MEDIA_TYPES)}"
        )
    declared = webp_size(data) if name == "WEBP" else None
    if declared is not None:
        _check_size(declared, max_pixels)
    try:
        with open_image(data) as image:
            _check_size(image.size, max_pixels)
            return _normalised(image, name)
    except ImageRefusedError:
        raise
    except MemoryError as error:
        raise ImageRefusedError(
            ImageRefusal.IMAGE_TOO_LARGE, "decoding the image takes more memory than a decoder may have"
        ) from error
    except Exception as error:  # parsers raise whatever a hostile file leads them to; it costs its row only
        raise ImageRefusedError(
            ImageRefusal.TRUNCATED_IMAGE,
            f"the image starts as {name} but cannot be decoded to its end: {_printable(str(error))}",
        ) from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageRefusedError(
            ImageRefusal.IMAGE_TOO_LARGE,
            f"the image has {width} x {height} pixels, at most {max_pixels} in all are allowed",
        )


def _normalised(image: Image.Image, name: str) -> NormalisedImage:
    n_frames = int(getattr(image, "n_frames", 1))
    image.load()
    told = image.getexif().get(_ORIENTATION, _UPRIGHT)
    orientation = told if isinstance(told, int) else _UPRIGHT
    width, height = image.size
    if orientation in _LYING:
        width, height = height, width
    facts = ImageFacts(width, height, MEDIA_TYPES[name], n_frames)
    if width * height > _LARGE_PIXELS:
        image = _small(image, orientation)
    upright = upright_rgb(image)  # as the encoder sees a plain one, so that what was accepted does not fail there
    is_plain = (
        name in _PLAIN_FORMATS
        and image.mode in _PLAIN_MODES
        and "transparency" not in image.info
        and orientation == _UPRIGHT
        and n_frames == 1
        and width * height <= _PLAIN_PIXELS
    )
    return NormalisedImage(facts, None if is_plain else _jpeg(upright))


def _small(image: Image.Image, orientation: int) -> Image.Image:
    """A sample of its pixels, for every mode has those; at most four times the normal side, to be smoothed later."""
    side = 4 * _NORMAL_SIDE_PX
    share = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    small = image.resize(size, Image.Resampling.NEAREST)
    # A resized image has lost where it came from, and some formats keep the orientation only there.
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    small.info["exif"] = exif.tobytes()
    return small


def _jpeg(upright: Image.Image) -> bytes:
    upright.thumbnail((_NORMAL_SIDE_PX, _NORMAL_SIDE_PX), Image.Resampling.LANCZOS)
    file = BytesIO()
    upright.info.clear()  # neither profile nor comment of the original comes along
    upright.save(file, "JPEG", quality=_NORMAL_QUALITY, subsampling=0)
    return file.getvalue()


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")[:_MAX_DETAIL]
