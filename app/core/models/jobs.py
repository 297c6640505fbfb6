"""All work: the row is the queue."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, CreatedMixin, IdMixin, WorkspaceMixin
from app.core.models.states import JobState


class Job(IdMixin, WorkspaceMixin, CreatedMixin, Base):
    """One piece of work. `fence` grows at each claim; only the holder of the newest may write."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_open",
            "state",
            "lease_until",
            postgresql_where=text("state IN ('queued', 'running', 'cancelling')"),
        ),
    )

    kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[uuid.UUID] = mapped_column(index=True)  # the corpus of an import, the run of a run
    state: Mapped[str] = mapped_column(String(16), default=JobState.QUEUED)
    phase: Mapped[str | None] = mapped_column(String(32))
    progress: Mapped[float] = mapped_column(default=0.0)  # 0..1 over the whole job
    eta_s: Mapped[float | None]
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    lease_until: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(default=0)  # claims so far
    interruptions: Mapped[int] = mapped_column(default=0)  # lost leases since the last progress
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # {"code", "detail"}; Any is JSON
    request: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # what was asked for beside the subject; Any is JSON
    metrics: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # the latest numbers a phase told; Any is JSON
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # {"key", "sha256", "step"}; Any is JSON
    last_event_seq: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(200))  # host:pid of the holder
    sent_at: Mapped[datetime | None]  # when a wake-up was last sent
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEvent(WorkspaceMixin, Base):
    """Append-only log of a job; (job, seq) is unique."""

    __tablename__ = "job_events"

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str] = mapped_column(String(40))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)  # Any: each event kind has its own JSON fields


class WorkerHeartbeat(Base):
    """A worker process that is alive; written by its main process."""

    __tablename__ = "worker_heartbeats"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)  # host:pid
    queues: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
