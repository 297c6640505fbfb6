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
    "sentences",
    "comment",
    "alt_text",
    "raw",
    "prompt",
    "captions",
)
ID_NAMES = ("id", "pair_id", "uid", "key", "caption_id")

_NUMBERED = re.compile(r"caption_?\d{1,2}", re.IGNORECASE)
_LISTED = 10


@dataclass(frozen=True)
class Columns:
    """Names of the columns, verbatim, as the manifest writes them.

    Attributes:
        more_captions: further columns with a caption of the same image each, such as `caption_1` to `caption_4`.
    """

    image: str
    caption: str
    id: str | None
    more_captions: tuple[str, ...] = ()

    @property
    def captions(self) -> tuple[str, ...]:
        """All caption columns."""
        return (self.caption, *self.more_captions)

    @property
    def taken(self) -> frozenset[str | None]:
        """What is no extra column."""
        return frozenset({self.image, self.id, *self.captions})


def choose_columns(names: Sequence[str], manifest: str) -> Columns:
    """Choose the columns by their names.

    Args:
        names: the header, or the keys of the objects.
        manifest: the manifest's name, for messages.

    Raises:
        ArchiveRefusedError: `no_caption_column`, `no_image_column`, or `ambiguous_manifest` where the chosen name
            stands twice.
    """
    captions = _captions(names)
    caption = captions[0] if captions else None
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
    for name in (*captions, image):
        if names.count(name) > 1:
            raise ArchiveRefusedError(
                RefusalCode.AMBIGUOUS_MANIFEST,
                f"{printable(manifest)} has {names.count(name)} columns named {printable(name)!r}, expected one",
            )
    return Columns(image=image, caption=caption, id=_first(names, ID_NAMES), more_captions=captions[1:])


def has_columns(names: Sequence[str]) -> bool:
    """Whether the names hold an image and a caption column."""
    return bool(_captions(names)) and _first(names, IMAGE_NAMES) is not None


def caption_column(names: Sequence[str]) -> str | None:
    """The first caption column, if there is any."""
    return next(iter(_captions(names)), None)


def id_column(names: Sequence[str]) -> str | None:
    """The id column, if there is any."""
    return _first(names, ID_NAMES)


def _captions(names: Sequence[str]) -> tuple[str, ...]:
    """The caption column, or several that are numbered."""
    one = _first(names, CAPTION_NAMES)
    if one is not None:
        return (one,)
    return tuple(dict.fromkeys(name for name in names if _NUMBERED.fullmatch(name.strip())))


def _first(names: Sequence[str], known: Sequence[str]) -> str | None:
    by_key: dict[str, str] = {}
    for name in names:
        by_key.setdefault(re.sub(r"[\s-]+", "_", name.strip().casefold()), name)
    return next((by_key[key] for key in known if key in by_key), None)
