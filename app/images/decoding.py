"""Untrusted image bytes to upright RGB pixels, within limits."""

from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

from app.core.errors import InvalidPayloadError, TooLargeError, UnsupportedTypeError

# The magic bytes choose the parser, and only among these: others run external programs or are rarely tested.
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_HIGH_DEPTH = ("I;16", "I;16L", "I;16B", "I;16N")

# Our limit is checked against the header before anything is decoded. Pillow's own, which is lower, warns through a
# process-wide filter that threads cannot set apart.
Image.MAX_IMAGE_PIXELS = None


def decode_image(data: bytes, *, max_pixels: int, shrink_to_px: int | None = None) -> Image.Image:
    """Decode the first frame, upright and in RGB.

    Args:
        data: the file.
        max_pixels: the most pixels that are decoded.
        shrink_to_px: the caller needs no longer side than this, so a format that can may decode fewer pixels.

    Raises:
        UnsupportedTypeError: the bytes are not of an allowed format.
        TooLargeError: more pixels than allowed; none of them was decoded.
        InvalidPayloadError: the image is truncated or damaged.
    """
    try:
        image = Image.open(BytesIO(data), formats=IMAGE_FORMATS)
    except UnidentifiedImageError as error:
        raise UnsupportedTypeError(
            f"the bytes are not an image that can be read: allowed are {', '.join(IMAGE_FORMATS)}",
            code="unsupported_image",
        ) from error
    except Exception as error:  # Pillow's parsers raise whatever they meet in damaged bytes
        raise _damaged(error) from error
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise TooLargeError(
                f"the image is too large: {width} x {height} pixels; at most {max_pixels} pixels",
                code="image_too_large",
            )
        try:
            if shrink_to_px is not None:
                image.draft("RGB", (shrink_to_px, shrink_to_px))
            return to_upright_rgb(image)
        except Exception as error:  # as above
            raise _damaged(error) from error


def to_upright_rgb(image: Image.Image) -> Image.Image:
    """The first frame as RGB, turned as its EXIF entry says, without any metadata.

    Transparent parts become white; 16-bit grey keeps its upper 8 bits. The import does the same, so that a query by an
    image of the corpus sees the pixels that the run saw.
    """
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _HIGH_DEPTH:
        upright = upright.point(lambda value: value / 256).convert("L")
    if upright.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in upright.info:
        layered = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    pixels = upright.convert("RGB")
    # Pillow writes comments and profiles that it finds here into the next file.
    pixels.info.clear()
    return pixels


def _damaged(error: Exception) -> InvalidPayloadError:
    return InvalidPayloadError(f"the image is truncated or damaged: {error}", code="damaged_image")
