"""JSON that nobody vouches for, read so that PostgreSQL can keep it."""

import json
import math
from collections.abc import Iterator
from typing import Any

from worker.pipeline.importing.printable_text import is_valid_text

_MAX_DEPTH = 32


class UnfitJsonError(ValueError):
    """Not JSON, or JSON that cannot be kept as it is. `is_encoding` where the text is at fault."""

    def __init__(self, reason: str, *, is_encoding: bool = False) -> None:
        super().__init__(reason)
        self.is_encoding = is_encoding


def read_object(text: str) -> dict[str, Any]:  # Any: JSON
    """Read one JSON object.

    Refused beside what is not JSON: NaN and infinities, numbers too large, a key twice in an object, NUL and lone
    surrogates in a text, and nesting deeper than 32.

    Raises:
        UnfitJsonError: with the reason.
    """
    value = read_json(text)
    if not isinstance(value, dict):
        raise UnfitJsonError(f"the line holds {_kind(value)}, expected an object")
    check_texts(value)
    return value


def read_json(text: str | bytes) -> Any:  # Any: JSON
    """Read JSON. Its texts are not checked yet, see `check_texts`.

    Raises:
        UnfitJsonError: with the reason.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refused_constant, parse_float=_finite)
    except UnfitJsonError:
        raise
    except RecursionError as error:
        raise UnfitJsonError(f"nested deeper than {_MAX_DEPTH} levels") from error
    except UnicodeDecodeError as error:
        raise UnfitJsonError("it is not UTF-8 text", is_encoding=True) from error
    except ValueError as error:
        raise UnfitJsonError(str(error)) from error


def check_texts(value: Any) -> None:  # Any: JSON
    """Refuse what PostgreSQL cannot keep.

    Raises:
        UnfitJsonError: with the reason.
    """
    for found in _texts(value):
        if "\0" in found:
            raise UnfitJsonError("a text holds a NUL character")
        if not is_valid_text(found):
            raise UnfitJsonError("a text is not valid Unicode", is_encoding=True)


def storable(value: Any) -> Any:  # Any: whatever a typed table holds, to JSON
    """A value of a typed table as JSON: dates and the like as text, NaN as null, bytes left out."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): storable(child) for key, child in value.items() if not isinstance(child, bytes)}
    if isinstance(value, list | tuple):
        return [storable(child) for child in value if not isinstance(child, bytes)]
    return None if isinstance(value, bytes) else str(value)


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON
    value = dict(items)
    if len(value) != len(items):
        raise UnfitJsonError("a key stands twice in an object")
    return value


def _refused_constant(name: str) -> None:
    raise UnfitJsonError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UnfitJsonError(f"the number {text[:40]} is too large")
    return number


def _texts(value: Any) -> Iterator[str]:  # Any: JSON
    pending: list[tuple[Any, int]] = [(value, 1)]  # Any: JSON
    while pending:
        current, depth = pending.pop()
        if depth > _MAX_DEPTH:
            raise UnfitJsonError(f"nested deeper than {_MAX_DEPTH} levels")
        if isinstance(current, str):
            yield current
        elif isinstance(current, dict):
            yield from current
            pending.extend((child, depth + 1) for child in current.values())
        elif isinstance(current, list):
            pending.extend((child, depth + 1) for child in current)


def _kind(value: Any) -> str:  # Any: JSON
    names = {list: "a list", str: "a text", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(value), "null")
