"""What a hostile file is, and the sound files that stand beside it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

# In every name that tries to leave the archive: whatever of this name lies on the disk afterwards was written there.
MARKER = "mispair-hostile-canary"


@dataclass(frozen=True)
class HostileArchive:
    """An archive, and what must become of it.

    Attributes:
        name: unique.
        data: its bytes.
        refusal: the code by which it is refused as a whole; None where it is imported.
        n_accepted: pairs, where it is imported.
        rejected: rejection code = how many rows, where it is imported.
    """

    name: str
    data: bytes
    refusal: str | None = None
    n_accepted: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class HostileImage:
    """The bytes of one image file, and the code its row is rejected with; None where it is accepted."""

    name: str
    data: bytes
    code: str | None


def picture(image_format: str = "PNG", *, side_px: int = 8, mode: str = "RGB") -> bytes:
    """A picture without any harm."""
    file = io.BytesIO()
    Image.new(mode, (side_px, side_px)).save(file, image_format)
    return file.getvalue()


def sound_files() -> dict[str, bytes]:
    """Two pairs; an archive of these alone is imported."""
    return {"captions.csv": b"image,caption\na.png,a black square\nb.png,another one\n", **_pictures()}


def _pictures() -> dict[str, bytes]:
    return {"a.png": picture(), "b.png": picture(side_px=9)}
