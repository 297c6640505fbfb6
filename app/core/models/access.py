"""Who may do what: workspaces, keys, browser sessions, idempotency records."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, CreatedMixin, IdMixin, WorkspaceMixin


class Workspace(IdMixin, CreatedMixin, Base):
    """Who owns rows."""

    __tablename__ = "workspaces"

    name: Mapped[str] = mapped_column(String(200), unique=True)


class ApiKey(IdMixin, WorkspaceMixin, CreatedMixin, Base):
    """An API key; only the SHA-256 of its secret is stored."""

    __tablename__ = "api_keys"

    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class BrowserSession(IdMixin, WorkspaceMixin, CreatedMixin, Base):
    """A cookie that a key was traded for. It dies with its key."""

    __tablename__ = "browser_sessions"

    key_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime]


class IdempotencyRecord(WorkspaceMixin, CreatedMixin, Base):
    """The answer that an Idempotency-Key was given, and the hash of the request that it was given to."""

    __tablename__ = "idempotency_records"
    __table_args__ = (UniqueConstraint("workspace_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(255))
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)  # Any: the JSON of whatever answer was given
