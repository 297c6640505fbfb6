"""What the checks beside mismatch found on a corpus version. A score is in [0, 1], low = bad; NULL = not checked."""

import uuid
from typing import Any

from sqlalchemy import REAL, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, CreatedMixin, WorkspaceMixin


class CorpusChecks(WorkspaceMixin, CreatedMixin, Base):
    """The summary of a version's checks; present once they are done."""

    __tablename__ = "corpus_checks"

    corpus_version_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("corpus_versions.id", ondelete="CASCADE"), primary_key=True
    )
    summary: Mapped[dict[str, Any]] = mapped_column(JSONB)  # a ChecksSummary's JSON; Any is JSON


class ImageCheck(WorkspaceMixin, Base):
    """The scores of an image; a column bears the name of its issue."""

    __tablename__ = "image_checks"
    __table_args__ = (Index(None, "corpus_version_id"),)

    image_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    corpus_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpus_versions.id", ondelete="CASCADE"))
    dark: Mapped[float] = mapped_column(REAL)
    blurry: Mapped[float] = mapped_column(REAL)
    blank: Mapped[float] = mapped_column(REAL)
    odd_aspect: Mapped[float] = mapped_column(REAL)
    tiny: Mapped[float] = mapped_column(REAL)
    duplicate: Mapped[float] = mapped_column(REAL)
    near_duplicate: Mapped[float] = mapped_column(REAL)
    near_duplicate_set: Mapped[int | None]  # 0 = the largest set of the version; NULL = in none


class CaptionCheck(WorkspaceMixin, Base):
    """The scores of a distinct caption; a column bears the name of its issue."""

    __tablename__ = "caption_checks"

    corpus_version_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("corpus_versions.id", ondelete="CASCADE"), primary_key=True
    )
    caption_ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    empty: Mapped[float] = mapped_column(REAL)
    overlong: Mapped[float] = mapped_column(REAL)
    wrong_language: Mapped[float] = mapped_column(REAL)
    boilerplate: Mapped[float] = mapped_column(REAL)
    duplicate: Mapped[float] = mapped_column(REAL)
    near_duplicate: Mapped[float | None] = mapped_column(REAL)
    near_duplicate_set: Mapped[int | None]
    language: Mapped[str | None] = mapped_column(String(16))  # ISO 639; NULL = no letters
