"""Rules of reading a report: what its filters mean, what a threshold changes."""

import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.core.errors import InvalidPayloadError, NotFoundError
from app.core.models import Image
from app.core.repositories import images, reports
from app.core.repositories.reports import ReportEntry, ReportFilter, ReportScope
from app.reports.schemas import ImageFacts, PairDetail, PairFinding, ReportRowView
from app.runs.schemas import RunSummary
from app.runs.service import PublishedRun, get_published_run, get_run

_MAX_WORDS = 20
_MAX_CAPTIONS = 500


def scope_of(run: PublishedRun) -> ReportScope:
    """The rows that belong to a run."""
    return ReportScope(run.workspace_id, run.id)


def caption_words(query: str | None) -> tuple[str, ...]:
    """The words of a caption filter; each must occur.

    Raises:
        InvalidPayloadError: more words than allowed.
    """
    words = tuple((query or "").split())
    if len(words) > _MAX_WORDS:
        raise InvalidPayloadError(f"q has {len(words)} words; allowed are {_MAX_WORDS}", code="too_many_words")
    return words


def report_summary(
    session: Session, workspace_id: uuid.UUID, run_id: uuid.UUID, *, threshold: float | None
) -> RunSummary:
    """The published numbers of a run, with the flags counted at `threshold`, or at the run's own."""
    run = get_published_run(session, workspace_id, run_id)
    published = RunSummary.model_validate(get_run(session, workspace_id, run_id).run.summary)
    cut = run.config.threshold if threshold is None else threshold
    n_flagged = reports.count_flagged(session, scope_of(run), threshold=cut)
    return published.model_copy(update={"threshold": cut, "n_flagged": n_flagged})


def pair_detail(session: Session, run: PublishedRun, pair_id: uuid.UUID, *, threshold: float | None) -> PairDetail:
    """One report row with its image and what was found on every caption of that image.

    Raises:
        NotFoundError: the run has no such pair.
    """
    cut = run.config.threshold if threshold is None else threshold
    scope = scope_of(run)
    entry = reports.find_report_entry(session, scope, pair_id, threshold=cut)
    image = None if entry is None else images.find_image(session, run.workspace_id, entry.image_id)
    if entry is None or image is None:
        raise NotFoundError(f"pair {pair_id} does not exist in run {run.id}")
    of_image = ReportFilter(cut, image_id=image.id)
    siblings = reports.report_page(session, scope, of_image, after_rank=0, limit=_MAX_CAPTIONS)
    return _detail(entry, image, siblings)


def _detail(entry: ReportEntry, image: Image, siblings: Sequence[ReportEntry]) -> PairDetail:
    row = ReportRowView.model_validate(entry)
    return PairDetail(
        **row.model_dump(),
        image=ImageFacts(
            image_id=image.id,
            source_path=image.source_path,
            media_type=image.media_type,
            width_px=image.width_px,
            height_px=image.height_px,
            n_bytes=image.n_bytes,
            n_frames=image.n_frames,
            sha256=image.sha256.hex(),
        ),
        captions=[PairFinding.model_validate(sibling) for sibling in siblings],
    )
