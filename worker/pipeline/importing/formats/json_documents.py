"""JSON files that are one document each, among all those that belong to a single image."""

import posixpath
import re
from collections.abc import Iterable
from typing import Any

from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.json_values import UnfitJsonError, check_texts, read_json
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.source import CorpusSource

_LOOKED_AT = 50  # documents whose head is read


def find_documents(source: CorpusSource, *patterns: re.Pattern[bytes]) -> list[Member]:
    """JSON files in whose head each pattern occurs, and that are not named after an image."""
    stems = {posixpath.splitext(name)[0] for name in source.images}
    alone = (one for one in source.with_suffix(".json") if posixpath.splitext(one.name)[0] not in stems)
    looked_at = [one for _, one in zip(range(_LOOKED_AT), alone, strict=False)]
    return [one for one in looked_at if all(pattern.search(source.head(one)) for pattern in patterns)]


def read_document(source: CorpusSource, member: Member) -> dict[str, Any]:  # Any: JSON
    """The whole document, whose texts are not checked yet.

    Raises:
        ArchiveRefusedError: `manifest_too_large`, or `unreadable_table` where it is not an object of JSON.
    """
    data = source.read_whole(member, "a JSON document")
    try:
        value = read_json(data)
    except UnfitJsonError as error:
        raise _unreadable(member, str(error)) from error
    if not isinstance(value, dict):
        raise _unreadable(member, "expected an object")
    return value


def entries_of(document: dict[str, Any], key: str, member: Member) -> list[Any]:  # Any: JSON
    """A list of the document.

    Raises:
        ArchiveRefusedError: `unreadable_table` where there is none.
    """
    entries = document.get(key)
    if not isinstance(entries, list):
        raise _unreadable(member, f"it has no list {key!r}")
    return entries


def object_fault(entry: Any, keys: Iterable[str]) -> str | None:  # Any: JSON
    """Why an entry is no usable object with these keys."""
    if not isinstance(entry, dict):
        return "it is not an object"
    missing = [key for key in keys if key not in entry]
    if missing:
        return f"it has no {', '.join(missing)}"
    try:
        check_texts(entry)
    except UnfitJsonError as error:
        return str(error)
    return None


def _unreadable(member: Member, why: str) -> ArchiveRefusedError:
    return ArchiveRefusedError(
        RefusalCode.UNREADABLE_TABLE, f"{printable(member.name)} cannot be read as JSON: {printable(why)}"
    )
