"""Untrusted image bytes to upright RGB pixels, within limits."""

from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

from app.core.errors import InvalidPayloadError, TooLargeError, UnsupportedTypeError

# The magic bytes choose the parser, and only among these: others run external programs or are rarely tested.
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_DAMAGE = (OSError, SyntaxError, ValueError, IndexError, EOFError)  # what Pillow's parsers raise on damaged files


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
    except Image.DecompressionBombError as error:
        raise _too_large(str(error), max_pixels) from error
    except _DAMAGE as error:
        raise _damaged(error) from error
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise _too_large(f"{width} x {height} pixels", max_pixels)
        try:
            if shrink_to_px is not None:
                image.draft("RGB", (shrink_to_px, shrink_to_px))
            return to_upright_rgb(image)
        except _DAMAGE as error:
            raise _damaged(error) from error


def to_upright_rgb(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF says, in RGB; transparent parts become white."""
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        layered = upright.convert("RGBA")
        canvas = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(canvas, layered).convert("RGB")
    return upright.convert("RGB")


def _too_large(what: str, max_pixels: int) -> TooLargeError:
    return TooLargeError(f"the image is too large: {what}; at most {max_pixels} pixels", code="image_too_large")


def _damaged(error: Exception) -> InvalidPayloadError:
    return InvalidPayloadError(f"the image is truncated or damaged: {error}", code="damaged_image")
