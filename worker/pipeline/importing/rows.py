"""What a row of the manifest says."""

from dataclasses import dataclass
from typing import Any

from app.core.models import RejectionCode
from worker.pipeline.importing.columns import Columns


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row is rejected."""

    code: RejectionCode
    detail: str


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """One caption of the manifest.

    Attributes:
        number: 1 = the first row after the header, or the first object; captions of one object share it.
        image: what it says about the image, verbatim; None where that could not be read.
        caption: verbatim; empty where there is a fault.
        source_id: the user's own id; None without one.
        extra: the other columns; None without any.
        fault: why the row is rejected before its image is looked at.
    """

    number: int
    image: str | None
    caption: str = ""
    source_id: str | None = None
    extra: dict[str, Any] | None = None  # Any: JSON
    fault: RowFault | None = None


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read to its end."""

    name: str
    columns: Columns
    rows: list[CaptionRow]
