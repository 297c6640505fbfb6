"""Keyset pages: an opaque cursor says after which row the next page starts, so that new rows shift nothing."""

import base64
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, TypeAdapter

from app.core.errors import InvalidPayloadError
from app.schemas import PagedView

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
_MAX_CURSOR_CHARS = 500

KeyPart = int | uuid.UUID
KeyPartT = TypeVar("KeyPartT", int, uuid.UUID)
RowT = TypeVar("RowT")
ViewT = TypeVar("ViewT", bound=BaseModel)


@dataclass(frozen=True)
class PageQuery:
    """Which part of a list a client wants."""

    cursor: str | None
    limit: int

    def after(self, kind: type[KeyPartT]) -> KeyPartT | None:
        """The value that the cursor holds; None on the first page.

        Raises:
            InvalidPayloadError: the cursor did not come from this list.
        """
        if self.cursor is None:
            return None
        try:
            value = TypeAdapter(kind).validate_json(
                base64.b64decode(self.cursor, altchars=b"-_", validate=True), strict=True
            )
        except ValueError as error:  # neither base64 nor JSON, or JSON of another type
            raise _bad_cursor() from error
        # A larger number cannot be compared with a BIGINT. A list over an INTEGER caps it further.
        if isinstance(value, int) and not 0 <= value < 2**63:
            raise _bad_cursor()
        return value


def get_page(
    cursor: Annotated[
        str | None, Query(max_length=_MAX_CURSOR_CHARS, description="`next_cursor` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="how many items a page holds at most")] = DEFAULT_LIMIT,
) -> PageQuery:
    return PageQuery(cursor, limit)


Page = Annotated[PageQuery, Depends(get_page)]


def page_of(
    rows: Sequence[RowT], page: PageQuery, *, key: Callable[[RowT], KeyPart]
) -> tuple[Sequence[RowT], str | None]:
    """Split rows that were fetched with `limit + 1` into the page and the cursor of the next one.

    Args:
        rows: at most `page.limit + 1` rows in the order of the list.
        page: what the client asked for.
        key: the value of the column that the list is ordered by.
    """
    if len(rows) <= page.limit:
        return rows, None
    kept = rows[: page.limit]
    return kept, encode_cursor(key(kept[-1]))


def view_page(
    rows: Sequence[RowT],
    page: PageQuery,
    *,
    key: Callable[[RowT], KeyPart],
    view: Callable[[RowT], ViewT],
) -> PagedView[ViewT]:
    """`page_of`, with each row as its client sees it."""
    kept, next_cursor = page_of(rows, page, key=key)
    return PagedView(items=[view(row) for row in kept], next_cursor=next_cursor)


def encode_cursor(value: KeyPart) -> str:
    """An opaque cursor that holds the value."""
    return base64.urlsafe_b64encode(json.dumps(str(value) if isinstance(value, uuid.UUID) else value).encode()).decode()


def _bad_cursor() -> InvalidPayloadError:
    return InvalidPayloadError(
        "cursor: not a `next_cursor` that this list gave; leave it out for the first page", code="invalid_cursor"
    )
