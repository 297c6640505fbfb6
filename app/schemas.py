"""Wire types that several features share."""

import uuid
from datetime import datetime
from typing import Annotated, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints

from app.core.models import Job, JobKind, JobState

ItemT = TypeVar("ItemT")

# What a person calls a thing: one line of text. PostgreSQL cannot store a NUL, and a line break would tear a log.
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class WireModel(BaseModel):
    """Base of every answer: built from rows, never changed."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class RequestModel(BaseModel):
    """Base of every payload: an unknown field is refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ErrorView(WireModel):
    """Why a job or a corpus failed."""

    code: str
    detail: str


class JobView(WireModel):
    """One piece of work: where it stands."""

    id: uuid.UUID
    kind: JobKind
    state: JobState
    phase: str | None
    progress: float
    eta_s: float | None
    attempt: int
    error: ErrorView | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The view of a row."""
        return cls.model_validate(job)


class PagedView(BaseModel, Generic[ItemT]):
    """A part of a list. `next_cursor` is null on the last page."""

    items: list[ItemT]
    next_cursor: str | None
