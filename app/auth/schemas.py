"""Wire types of keys."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from app.schemas import Name, RequestModel, WireModel

# Near the ends of the calendar a change of time zone leaves what Python can hold.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class CreateKey(RequestModel):
    """A key to make."""

    name: Name
    expires_at: Annotated[AwareDatetime, Field(gt=_EARLIEST, lt=_LATEST)] | None = Field(
        default=None, description="left out: never"
    )


class KeyView(WireModel):
    """A key without its secret."""

    id: uuid.UUID
    name: str
    public_id: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class CreatedKeyView(KeyView):
    """A new key."""

    key: str | None = Field(
        default=None, description="the whole key, shown this once; null when an Idempotency-Key is answered again"
    )
