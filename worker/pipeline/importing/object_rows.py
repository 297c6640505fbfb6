"""From an object, such as a line of JSON or a record of a parquet table, to rows."""

import json
from collections.abc import Iterator
from typing import Any

from app.core.models import RejectionCode
from worker.pipeline.importing.columns import Columns
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import CaptionRow, RowFault


def object_rows(
    value: dict[str, Any],  # Any: JSON
    columns: Columns,
    *,
    number: int,
    file: str,
    byte_offset: int | None = None,
) -> Iterator[CaptionRow]:
    """The captions of one object: one text, a list of texts, or several numbered keys."""
    image = value.get(columns.image)
    taken = columns.taken
    extra = {key: child for key, child in value.items() if key not in taken} or None
    for caption in object_captions(value, columns.captions):
        yield CaptionRow(
            number,
            image if isinstance(image, str) else None,
            caption=caption if isinstance(caption, str) else "",
            source_id=None if columns.id is None else id_text(value.get(columns.id)),
            extra=extra,
            fault=_fault(image, caption, columns),
            file=file,
            byte_offset=byte_offset,
        )


def object_captions(value: dict[str, Any], names: tuple[str, ...]) -> list[Any]:  # Any: JSON
    """What stands under the caption keys; a single None where nothing does."""
    found: list[Any] = []  # Any: JSON
    for name in names:
        captions = value.get(name)
        found += captions if isinstance(captions, list) and captions else [captions]
    return [one for one in found if one not in (None, "")] or found[:1]


def id_text(value: Any) -> str | None:  # Any: JSON
    """An id as text; numbers as JSON writes them."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _fault(image: Any, caption: Any, columns: Columns) -> RowFault | None:  # Any: JSON
    if image is not None and not isinstance(image, str):
        return RowFault(RejectionCode.MALFORMED_ROW, f"{printable(columns.image)} is not a text")
    if caption is not None and caption != [] and not isinstance(caption, str):
        return RowFault(RejectionCode.MALFORMED_ROW, f"{printable(columns.caption)} is not a text or a list of texts")
    return None
