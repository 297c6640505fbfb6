"""SQL of a run's end: its report rows and everything that makes them visible, in one transaction under the fence."""

import uuid
from collections.abc import Iterable
from typing import Any

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
}

ReportValues = tuple[uuid.UUID, int, float, float]  # pair id, rank, correspondence, correspondence_label


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
        ((claim.subject_id, claim.workspace_id, *values) for values in rows),
    )
