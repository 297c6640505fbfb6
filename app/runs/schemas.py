"""Runs and job events on the wire."""

import uuid
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field

from app.core.models import JobState, RunPhase
from app.core.repositories.runs import RunWithJob
from app.core.run_config import RunConfig
from app.schemas import ErrorView, WireModel


class StartRun(RunConfig):
    """A run to start: its configuration, and what is not a part of it."""

    confirm_warnings: bool = Field(
        default=False, description="start although the preflight warns (`needs_confirmation`); not kept"
    )

    def config(self) -> RunConfig:
        """The configuration alone."""
        return RunConfig.model_validate(self.model_dump(exclude={"confirm_warnings"}))


class GroupName(WireModel):
    """A group of pairs: a column, and a value in it."""

    column: str
    value: str


class CauseView(WireModel):
    """A group of pairs in which more is wrong than elsewhere. Counts are of the whole group."""

    column: str = Field(
        description="folder, caption_template, caption_opening, caption_length, or column:NAME of the user's own"
    )
    value: str = Field(description="a folder's group holds its subfolders' pairs too")
    n_pairs: int
    n_flagged: int = Field(description="at the run's own threshold")
    expected_mismatches: float = Field(description="the sum of 1 - correspondence")
    mismatch_rate: float = Field(description="the mean of 1 - correspondence")
    share_of_noise: float = Field(description="its part of all mismatches expected in the corpus, 0 to 1")
    explained: float = Field(
        description="how many more mismatches it has than as many other pairs, without those in an earlier cause"
    )
    also: list[GroupName] = Field(description="groups of nearly the same pairs")


class CertificateRefusal(WireModel):
    """Why a run that was asked for a certificate has none."""

    code: str = Field(description="nothing_flagged, too_few_images or too_few_pairs")
    detail: str


class CertificateSummary(WireModel):
    """What a run's certificate shows; `GET /certificate` has the whole."""

    verdict: Literal["helps", "harms", "not_shown"] | None = Field(
        default=None,
        description="helps: trained on the cleaned corpus, the recipe retrieves better than on the raw and on a "
        "randomly thinned one, by the 95 % intervals of the differences; null where it was refused",
    )
    r_sum: dict[str, float] | None = Field(
        default=None, description="mean recall sum on held-out pairs of raw, cleaned and random"
    )
    refusal: CertificateRefusal | None = None


class ComparisonView(WireModel):
    """A report beside that of the run of an earlier version. Flags before are at `base_threshold`, now at `threshold`.

    The counts but `n_gone` are given by `GET summary`, for they follow from the cut that is asked for.
    """

    base_run_id: uuid.UUID
    base_threshold: float
    n_gone: int = Field(description="pairs that were flagged and that this version no longer has")
    n_new: int | None = Field(default=None, description="flagged pairs that the run before did not know")
    n_regressed: int | None = Field(default=None, description="pairs flagged now that were not before")
    n_remaining: int | None = Field(default=None, description="pairs flagged before and now")
    n_resolved: int | None = Field(default=None, description="pairs flagged before that are not any more")


class RunSummary(WireModel):
    """A published run in numbers. Correspondence is in [0, 1], low = bad; a probability where `is_calibrated`.

    What calibration gives is null where there is none, and in summaries that are older than it.
    """

    n_pairs: int
    n_images: int
    n_captions: int
    n_flagged: int = Field(description="pairs whose correspondence lies below `threshold`")
    threshold: float
    fdr: float | None = Field(
        default=None,
        description="the false discovery rate that `threshold` keeps; null where it follows from none",
    )
    expected_precision: float | None = Field(
        default=None, description="expected share of mismatches among the flagged; null where none is flagged"
    )
    expected_recall: float | None = Field(
        default=None, description="expected share of the mismatches that is flagged; null where none is expected"
    )
    mean_correspondence: float
    correspondence_histogram: list[int] = Field(description="pairs by correspondence, 20 equal bins of [0, 1]")
    encoder: str
    encoder_fingerprint: str = Field(
        description="of the encoder, or of the regions that it gives, where those are read"
    )
    round_epochs: list[int]
    near_decoy_histogram: list[int] | None = Field(
        default=None,
        description="planted mismatches with a caption of a similar image, by correspondence, 20 equal bins of [0, 1]",
    )
    near_recall: float | None = Field(
        default=None, description="the share of those below the threshold: how many near mismatches it catches"
    )
    warmup_epochs: int | None = Field(
        default=None, description="of each round, before its round_epochs; null in summaries older than it"
    )
    fold_unit: Literal["pair", "image"] | None = Field(
        default=None,
        description="what left the training together when pairs were judged by models that never saw them: image where "
        "the captions of an image are wrong together; null of method crcl, and in older summaries",
    )
    n_words: int | None = Field(default=None, description="words that the model knows; null where it reads vectors")
    r_sum: float | None = None
    certificate: CertificateSummary | None = Field(default=None, description="null where none was asked for")
    comparison: ComparisonView | None = Field(
        default=None, description="with the run of an earlier version; null where none was cleaned"
    )
    seconds_by_phase: dict[str, float]
    is_calibrated: bool = Field(default=False, description="whether correspondence is the probability of a match")
    n_decoys: int = Field(default=0, description="known mismatches planted before training; none is in the report")
    noise_rate: float | None = Field(default=None, description="estimated share of mismatches in the corpus")
    noise_rate_low: float | None = Field(default=None, description="lower end of its 95 % interval")
    noise_rate_high: float | None = Field(default=None, description="upper end of its 95 % interval")
    reliability: Literal["ok", "weak", "insufficient"] | None = Field(
        default=None, description="how far to trust these numbers; insufficient: the run is not calibrated"
    )
    reliability_reason: str | None = Field(
        default=None, description="why it is not ok, such as too_few_decoys, not_separable or not_planted"
    )
    reasons: dict[str, int] = Field(
        default_factory=dict,
        description="flagged pairs by reason_code, see docs/reason-codes.md; empty in summaries older than reasons",
    )
    causes: list[CauseView] = Field(
        default_factory=list, description="the groups that explain most of the noise, the first first; at most 10"
    )


class RunView(WireModel):
    """One cleaning of one corpus version: its configuration, progress and, once published, its summary."""

    id: uuid.UUID
    corpus_id: uuid.UUID
    corpus_version_id: uuid.UUID
    state: JobState
    phase: RunPhase | None
    progress: float = Field(description="share done of the whole run, 0 to 1")
    eta_s: float | None = Field(description="estimated seconds until the report")
    attempt: int = Field(description="how often a worker has begun or resumed this run")
    metrics: dict[str, Any] | None = Field(description="the latest numbers that a phase told")  # Any: JSON
    config: RunConfig
    summary: RunSummary | None
    error: ErrorView | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, found: RunWithJob) -> Self:
        """The view of a run and its job."""
        run, job = found.run, found.job
        return cls(
            id=run.id,
            corpus_id=run.corpus_id,
            corpus_version_id=run.corpus_version_id,
            state=JobState(job.state),
            phase=None if job.phase is None else RunPhase(job.phase),
            progress=job.progress,
            eta_s=job.eta_s,
            attempt=job.attempt,
            metrics=job.metrics,
            config=RunConfig.model_validate(run.config),
            summary=None if run.summary is None else RunSummary.model_validate(run.summary),
            error=None if job.error is None else ErrorView.model_validate(job.error),
            created_at=run.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


class JobEventView(WireModel):
    """One entry of a job's log; `seq` counts from 1 within the job."""

    seq: int
    at: datetime
    kind: str
    data: dict[str, Any]  # Any: each event kind has its own JSON fields
