"""SQL of a run's end: its report rows and everything that makes them visible, in one transaction under the fence."""

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from psycopg.types.json import Jsonb
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.models import CorpusVersion, JobState, Run
from app.core.repositories.copying import copy_rows
from app.core.repositories.jobs import Claim, finish_job

_REPORT_TYPES = {
    "run_id": "uuid",
    "workspace_id": "uuid",
    "pair_id": "uuid",
    "rank": "int4",
    "correspondence": "float4",
    "correspondence_label": "float4",
    "correspondence_low": "float4",
    "correspondence_high": "float4",
    "expected_precision_at_cut": "float4",
    "lemon_score": "float4",
    "similarity_score": "float4",
    "caption_place": "int4",
    "base_correspondence": "float4",
    "reason_code": "text",
    "evidence": "jsonb",
    "best_caption": "text",
    "best_caption_correspondence": "float4",
    "repair_image_id": "uuid",
}


class ReportValues(NamedTuple):
    """A report row. A tuple, because a report has millions of them.

    Attributes:
        evidence: JSON for the database; Any is it.
    """

    pair_id: uuid.UUID
    rank: int
    correspondence: float
    correspondence_label: float
    correspondence_low: float | None = None
    correspondence_high: float | None = None
    expected_precision_at_cut: float | None = None
    lemon_score: float | None = None
    similarity_score: float | None = None
    caption_place: int | None = None
    base_correspondence: float | None = None
    reason_code: str | None = None
    evidence: dict[str, Any] | None = None
    best_caption: str | None = None
    best_caption_correspondence: float | None = None
    repair_image_id: uuid.UUID | None = None

    def columns(self) -> tuple[Any, ...]:  # Any: the columns' own types
        """Its fields as COPY takes them."""
        return self if self.evidence is None else self._replace(evidence=cast("Any", Jsonb(self.evidence)))


def find_run(session: Session, claim: Claim) -> tuple[Run, CorpusVersion] | None:
    """The run that a job is about and its corpus version; None when it is gone."""
    row = session.execute(
        select(Run, CorpusVersion)
        .join(CorpusVersion, CorpusVersion.id == Run.corpus_version_id)
        .where(Run.id == claim.subject_id, Run.workspace_id == claim.workspace_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def publish_report(
    session: Session,
    claim: Claim,
    *,
    artefact_prefix: str,
    summary: dict[str, Any],  # Any: JSON
    rows: Iterable[ReportValues],
) -> None:
    """Write the report, show it and finish the job. All of it is there after the commit, or none.

    Raises:
        LeaseLostError: another worker holds the job; the caller's rollback undoes everything.
    """
    # First the fence: it locks the job's row, so that a second publisher waits here and then finds itself fenced.
    finish_job(session, claim, JobState.DONE)
    session.execute(
        update(Run)
        .where(Run.id == claim.subject_id)
        .values(summary=summary, published_fence=claim.fence, artefact_prefix=artefact_prefix)
    )
    copy_rows(
        session,
        "report_rows",
        _REPORT_TYPES,
        ((claim.subject_id, claim.workspace_id, *values.columns()) for values in rows),
    )
