"""Pixels from image bytes that nobody vouches for."""

from io import BytesIO

from PIL import Image, ImageOps

# Our limit is checked against the header before anything is decoded. Pillow's own, which is lower, warns through a
# process-wide filter that threads cannot set apart.
Image.MAX_IMAGE_PIXELS = None

_PNG = b"\x89PNG\r\n\x1a\n"
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (_PNG, "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
_HIGH_DEPTH = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_TRANSPARENT = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})

MAGIC_BYTES = 32
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "WEBP": "image/webp",
}


def image_format(start: bytes) -> str | None:
    """The format that the first bytes show, whatever the file is called; None for what is not taken as an image.

    Args:
        start: the first `MAGIC_BYTES` of the file, or all of it.
    """
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return next((name for magic, name in _STARTS if start.startswith(magic)), None)


def open_image(data: bytes) -> Image.Image:
    """Read the header with the one parser that the first bytes ask for; no pixel is decoded.

    Raises:
        ValueError: the bytes are of no known format.
        Exception: whatever that parser meets in a damaged header.
    """
    name = image_format(data[:MAGIC_BYTES])
    if name is None:
        raise ValueError("the bytes are not an image of a known format")
    return Image.open(BytesIO(data), formats=[name])


def upright_rgb(image: Image.Image) -> Image.Image:
    """The first frame as RGB, turned as its EXIF entry says.

    Transparent parts become white; 16-bit grey keeps its upper 8 bits.
    """
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _HIGH_DEPTH:
        if upright.mode != "I;16":  # only this one can be scaled
            upright = upright.convert("I").convert("I;16")
        upright = upright.point(lambda value: value / 256).convert("L")
    if upright.mode in _TRANSPARENT or "transparency" in upright.info:
        layered = upright.convert("RGBA")
        canvas = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(canvas, layered).convert("RGB")
    return upright.convert("RGB")
