"""Uploads that may be cut and resumed."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, CreatedMixin, IdMixin, WorkspaceMixin


class Upload(IdMixin, WorkspaceMixin, CreatedMixin, Base):
    """An archive on its way into a corpus. The row goes with its corpus, when it expires or when a client ends it.

    `holder` is the fence: the request that raised it last may store bytes, and no other.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        CheckConstraint("n_stored BETWEEN 0 AND n_bytes", name="stored_in_range"),
        Index(None, "expires_at"),
    )

    corpus_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpora.id", ondelete="CASCADE"), index=True)
    has_own_corpus: Mapped[bool]  # the corpus was made for this upload, and goes with it while it has no archive
    is_append: Mapped[bool] = mapped_column(default=False)  # of a ready corpus, as a new version
    n_bytes: Mapped[int] = mapped_column(BigInteger)
    n_stored: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes that are safe in the storage: tus's offset
    holder: Mapped[int] = mapped_column(BigInteger, default=0)
    archive_kind: Mapped[str | None] = mapped_column(String(16))  # once the first bytes tell
    expected_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)  # of all bytes, once they have come and were hashed
    # Upload-Metadata: key to value in base64, in the order in which they came. Any is JSON.
    encoded_metadata: Mapped[dict[str, Any]] = mapped_column(JSONB)
    expires_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
