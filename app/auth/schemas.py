"""Wire types of keys."""

import uuid
from datetime import datetime

from pydantic import AwareDatetime, Field

from app.schemas import Name, RequestModel, WireModel


class CreateKey(RequestModel):
    """A key to make."""

    name: Name
    expires_at: AwareDatetime | None = Field(default=None, description="left out: never")


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
