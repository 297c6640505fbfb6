"""Runs and what they found."""

import uuid
from typing import Any

from sqlalchemy import REAL, BigInteger, CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, CreatedMixin, IdMixin, WorkspaceMixin


class Run(IdMixin, WorkspaceMixin, CreatedMixin, Base):
    """One cleaning of one corpus version with one frozen configuration."""

    __tablename__ = "runs"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    corpus_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpora.id", ondelete="CASCADE"), index=True)
    corpus_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpus_versions.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    # Of an earlier version, that the report is compared with; fixed when the run is made.
    base_run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    config: Mapped[dict[str, Any]] = mapped_column(JSONB)  # a RunConfig's JSON
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # a RunSummary's JSON, set at publication
    published_fence: Mapped[int | None] = mapped_column(BigInteger)
    artefact_prefix: Mapped[str | None] = mapped_column(Text)  # runs/{run}/{fence}, set at publication


class ReportRow(WorkspaceMixin, Base):
    """The machine's finding on a pair."""

    __tablename__ = "report_rows"
    __table_args__ = (
        Index("uq_report_rows_run_rank", "run_id", "rank", unique=True),
        Index(None, "pair_id"),  # without it, deleting a corpus reads the whole table once a pair
        CheckConstraint("correspondence BETWEEN 0 AND 1", name="correspondence_in_range"),
        CheckConstraint("correspondence_label BETWEEN 0 AND 1", name="label_in_range"),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    pair_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pairs.id", ondelete="CASCADE"), primary_key=True)
    rank: Mapped[int]  # 1 = the lowest correspondence
    correspondence: Mapped[float] = mapped_column(REAL)  # [0, 1], low = bad
    correspondence_label: Mapped[float] = mapped_column(REAL)  # SCC's floored y in [0, 1]
    # Why the pair is suspect; null where it is not, and in runs that are older than reasons.
    reason_code: Mapped[str | None] = mapped_column(Text)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # by reason, docs/reason-codes.md; Any is JSON
    best_caption: Mapped[str | None] = mapped_column(Text)  # of the corpus, that fits the image better
    best_caption_correspondence: Mapped[float | None] = mapped_column(REAL)  # [0, 1]; null where nothing tells
    # Of the same corpus version, so it goes when the row does; a foreign key would want an index of its own.
    repair_image_id: Mapped[uuid.UUID | None]
    # What single rounds would say, from the lowest to the highest; null where the run is not calibrated.
    correspondence_low: Mapped[float | None] = mapped_column(REAL)
    correspondence_high: Mapped[float | None] = mapped_column(REAL)
    expected_precision_at_cut: Mapped[float | None] = mapped_column(REAL)  # of flagging down to this rank
    lemon_score: Mapped[float | None] = mapped_column(REAL)  # (0, 1], low = bad; where the run was asked for it
    similarity_score: Mapped[float | None] = mapped_column(REAL)  # [0, 1], low = bad; the same, with a joint space
    base_correspondence: Mapped[float | None] = mapped_column(REAL)  # what the base run found; null of a new pair
    caption_place: Mapped[int | None]  # among the captions of its image, 1 = the best; null without held-out models
