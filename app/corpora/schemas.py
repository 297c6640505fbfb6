"""Wire types of corpora."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.core.models import Corpus, CorpusFormat, CorpusState, CorpusVersion, Job
from app.schemas import ErrorView, JobView, Name, RequestModel, WireModel

MAX_DROPPED = 10_000


class CreateCorpus(RequestModel):
    """A corpus to make; its bytes come afterwards."""

    name: Name
    format: CorpusFormat | None = Field(
        default=None, description="the archive's format, where it should not be told from the content"
    )


class FormatCandidate(WireModel):
    """A format that an archive could be in, and why."""

    name: CorpusFormat
    why: str


class FormatView(WireModel):
    """The format that a corpus came in; before its import the one that was asked for."""

    name: CorpusFormat
    is_forced: bool = Field(description="whether it was asked for rather than recognised")
    why: str | None = Field(default=None, description="what it was recognised by")
    runners_up: list[FormatCandidate] = Field(default=[], description="what else it could have been")


class CreateVersion(RequestModel):
    """What a new version leaves out: these pairs, or all that a run flags. Exactly one of `pair_ids` and `run_id`."""

    pair_ids: Annotated[list[uuid.UUID], Field(min_length=1, max_length=MAX_DROPPED)] | None = None
    run_id: uuid.UUID | None = Field(default=None, description="a finished run of the newest version")
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = Field(
        default=None, description="correspondence below it is flagged; default: the run's"
    )
    fdr: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = Field(
        default=None, description="instead of a threshold: the share of the flagged that may be wrong"
    )

    @model_validator(mode="after")
    def _drops_one_way(self) -> Self:
        if (self.pair_ids is None) == (self.run_id is None):
            raise ValueError("give exactly one of pair_ids and run_id")
        if self.run_id is None and (self.threshold is not None or self.fdr is not None):
            raise ValueError("threshold and fdr say what a run flags; they need run_id")
        return self


class ArchiveView(WireModel):
    """The archive that a corpus came in."""

    bytes: int
    sha256: str
    kind: str


class VersionView(WireModel):
    """One immutable state of a corpus. n_read = n_accepted + n_rejected."""

    id: uuid.UUID
    number: int
    n_read: int
    n_accepted: int
    n_rejected: int
    n_images: int
    n_captions: int
    n_added: int | None = Field(description="pairs that the version before lacks; null of the first")
    n_dropped: int | None = Field(description="pairs of the version before that it lacks; null of the first")
    created_at: datetime


class CorpusView(WireModel):
    """A corpus and where its import stands."""

    id: uuid.UUID
    name: str
    state: CorpusState
    error: ErrorView | None
    archive: ArchiveView | None
    format: FormatView | None = Field(description="null until the archive is imported, unless it was asked for")
    version: VersionView | None
    job: JobView | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, corpus: Corpus, version: CorpusVersion | None, job: Job | None) -> Self:
        """The view of a corpus with its newest version and its newest import job."""
        return cls(
            id=corpus.id,
            name=corpus.name,
            state=CorpusState(corpus.state),
            error=None if corpus.error is None else ErrorView.model_validate(corpus.error),
            archive=_archive_of(corpus),
            format=_format_of(corpus, version),
            version=None if version is None else VersionView.model_validate(version),
            job=None if job is None else JobView.of(job),
            created_at=corpus.created_at,
            updated_at=corpus.updated_at,
        )


class RejectionView(WireModel):
    """An input row that was not accepted, or an image that no row names."""

    row_number: int | None
    source_path: str | None
    code: str
    detail: str
    source_file: str | None = Field(description="the file of captions that the row stands in")
    byte_offset: int | None = Field(description="where the row begins in that file; null where it is no text")


def _format_of(corpus: Corpus, version: CorpusVersion | None) -> FormatView | None:
    if version is not None and version.preflight is not None:
        return FormatView.model_validate(version.preflight["format"])
    name = corpus.wanted_format if version is None else version.format
    return None if name is None else FormatView(name=CorpusFormat(name), is_forced=corpus.wanted_format is not None)


def _archive_of(corpus: Corpus) -> ArchiveView | None:
    if corpus.archive_bytes is None or corpus.archive_sha256 is None or corpus.archive_kind is None:
        return None
    return ArchiveView(bytes=corpus.archive_bytes, sha256=corpus.archive_sha256.hex(), kind=corpus.archive_kind)
