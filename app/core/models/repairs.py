"""What a run proposes in place of the captions of flagged pairs."""

import uuid

from sqlalchemy import REAL, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, WorkspaceMixin
from app.core.models.states import RepairKind


class Repair(WorkspaceMixin, Base):
    """A proposal: one pair that should have another caption, or a block of pairs that should move."""

    __tablename__ = "repairs"
    __table_args__ = (
        CheckConstraint("before BETWEEN 0 AND 1", name="before_in_range"),
        CheckConstraint("after BETWEEN 0 AND 1", name="after_in_range"),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1 = the largest gain
    kind: Mapped[RepairKind] = mapped_column(String(16))
    n_pairs: Mapped[int]
    first_row: Mapped[int]  # in the user's manifest, of the first pair in the order of the corpus
    last_row: Mapped[int]
    offset: Mapped[int | None]  # each pair should have the caption so many pairs further; NULL = a single pair
    before: Mapped[float] = mapped_column(REAL)  # mean correspondence of its pairs as they are
    after: Mapped[float] = mapped_column(REAL)  # and with the proposed captions
    gain: Mapped[float] = mapped_column(REAL)  # how many more pairs are expected to match


class RepairPair(WorkspaceMixin, Base):
    """A pair that a proposal changes, and the pair whose caption it should have."""

    __tablename__ = "repair_pairs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "number"],
            ["repairs.run_id", "repairs.number"],
            name="fk_repair_pairs_repair",
            ondelete="CASCADE",
        ),
        Index(None, "pair_id"),
        Index(None, "caption_pair_id"),
        CheckConstraint("before BETWEEN 0 AND 1", name="before_in_range"),
        CheckConstraint("after BETWEEN 0 AND 1", name="after_in_range"),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 0 = its first pair
    pair_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pairs.id", ondelete="CASCADE"))
    caption_pair_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pairs.id", ondelete="CASCADE"))
    before: Mapped[float] = mapped_column(REAL)
    after: Mapped[float] = mapped_column(REAL)
