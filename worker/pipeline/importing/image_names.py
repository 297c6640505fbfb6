"""Which names are those of images."""

from pathlib import PurePosixPath

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})


def is_image_name(name: str) -> bool:
    """Whether a name ends as that of an image does."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
