"""Encoded images for tests."""

from io import BytesIO

from PIL import Image


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    """The file of an image."""
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def plain_png(size: tuple[int, int] = (40, 20), colour: str = "red") -> bytes:
    """A PNG of one colour."""
    return encoded(Image.new("RGB", size, colour), "PNG")
