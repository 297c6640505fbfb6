"""Which columns of a manifest hold the image, the caption and the user's own id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

# In the order of preference; compared without case, with spaces and hyphens as underscores.
IMAGE_NAMES = (
    "image",
    "image_path",
    "file_name",
    "filename",
    "filepath",
    "file_path",
    "path",
    "image_file",
    "image_filename",
    "image_name",
    "img",
    "img_path",
    "file",
)
CAPTION_NAMES = (
    "caption",
    "text",
    "title",
    "description",
    "sentence",
    "comment",
    "alt_text",
    "raw",
    "prompt",
    "captions",
)
ID_NAMES = ("id", "pair_id", "uid", "key", "caption_id")

_LISTED = 10


@dataclass(frozen=True)
class Columns:
    """Names of the columns, verbatim, as the manifest writes them."""

    image: str
    caption: str
    id: str | None


def choose_columns(names: Sequence[str], manifest: str) -> Columns:
    """Choose the columns by their names.

    Args:
        names: the header, or the keys of the objects.
        manifest: the manifest's name, for messages.

    Raises:
        ArchiveRefusedError: `no_caption_column`, `no_image_column`, or `ambiguous_manifest` where the chosen name
            stands twice.
    """
    caption = _first(names, CAPTION_NAMES)
    image = _first(names, IMAGE_NAMES)
    found = ", ".join(printable(name) for name in names[:_LISTED]) or "none"
    if caption is None:
        raise ArchiveRefusedError(
            RefusalCode.NO_CAPTION_COLUMN,
            f"{printable(manifest)} has no caption column: its columns are {found}; "
            f"expected one of {', '.join(CAPTION_NAMES)}",
        )
    if image is None:
        raise ArchiveRefusedError(
            RefusalCode.NO_IMAGE_COLUMN,
            f"{printable(manifest)} has no image column: its columns are {found}; "
            f"expected one of {', '.join(IMAGE_NAMES)}",
        )
    for name in (caption, image):
        if names.count(name) > 1:
            raise ArchiveRefusedError(
                RefusalCode.AMBIGUOUS_MANIFEST,
                f"{printable(manifest)} has {names.count(name)} columns named {printable(name)!r}, expected one",
            )
    return Columns(image=image, caption=caption, id=_first(names, ID_NAMES))


def has_columns(names: Sequence[str]) -> bool:
    """Whether the names hold an image and a caption column."""
    return _first(names, CAPTION_NAMES) is not None and _first(names, IMAGE_NAMES) is not None


def _first(names: Sequence[str], known: Sequence[str]) -> str | None:
    by_key: dict[str, str] = {}
    for name in names:
        by_key.setdefault(re.sub(r"[\s-]+", "_", name.strip().casefold()), name)
    return next((by_key[key] for key in known if key in by_key), None)
