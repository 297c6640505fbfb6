"""Rules of reading a report: what its filters mean, what a threshold changes."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core.errors import InvalidPayloadError, NotFoundError, WrongStateError
from app.core.histogram import share_below
from app.core.models import Image
from app.core.repositories import images, pairs, reports
from app.core.repositories.reports import Comparison, FlagTotals, ReportEntry, ReportFilter, ReportScope
from app.core.storage import Storage
from app.reports.schemas import ImageFacts, PairDetail, PairFinding, ReportRowView, TrajectoryPoint
from app.reports.trajectory import label_trajectory
from app.runs.schemas import ComparisonView, RunSummary
from app.runs.service import PublishedRun

_MAX_WORDS = 20
_MAX_CAPTIONS = 500


@dataclass(frozen=True)
class Cut:
    """Below what a reader wants flags: a threshold, that of a false discovery rate, or, of neither, the run's own."""

    threshold: float | None = None
    fdr: float | None = None


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


def threshold_of(session: Session, run: PublishedRun, cut: Cut) -> float:
    """The threshold that a cut comes to in a run.

    Raises:
        InvalidPayloadError: `threshold_and_fdr`: both are given.
        WrongStateError: `not_calibrated`: a rate is given, and nothing tells which threshold keeps it.
    """
    if cut.fdr is None:
        return run.summary.threshold if cut.threshold is None else cut.threshold
    if cut.threshold is not None:
        raise InvalidPayloadError(
            f"threshold {cut.threshold:g} and fdr {cut.fdr:g}: give one of them, for a rate sets the threshold",
            code="threshold_and_fdr",
        )
    if not run.summary.is_calibrated:
        why = run.summary.reliability_reason
        raise WrongStateError(
            f"run {run.id} is not calibrated{f' ({why})' if why else ''}, so no threshold is known to keep a false "
            f"discovery rate of {cut.fdr:g}; give a threshold",
            code="not_calibrated",
        )
    return reports.threshold_at_fdr(session, scope_of(run), fdr=cut.fdr)


def comparison_of(run: PublishedRun) -> Comparison | None:
    """What a run's report is compared with, where there is something."""
    found = run.summary.comparison
    return None if found is None else Comparison(found.base_threshold)


def report_summary(session: Session, run: PublishedRun, cut: Cut) -> RunSummary:
    """The published numbers of a run, with those that depend on the threshold taken at the cut.

    Raises:
        InvalidPayloadError, WrongStateError: see `threshold_of`.
    """
    threshold = threshold_of(session, run, cut)
    totals = reports.flag_totals(session, scope_of(run), threshold=threshold)
    at_cut = {
        "threshold": threshold,
        "fdr": run.summary.fdr if cut == Cut() else cut.fdr,
        "n_flagged": totals.n_flagged,
        "near_recall": share_below(run.summary.near_decoy_histogram or (), threshold),
        "reasons": reports.reason_counts(session, scope_of(run), threshold=threshold),
    }
    expected = _expected(totals) if run.summary.is_calibrated else {}
    return run.summary.model_copy(update=at_cut | expected | _compared(session, run, threshold))


def pair_detail(session: Session, storage: Storage, run: PublishedRun, pair_id: uuid.UUID, cut: Cut) -> PairDetail:
    """One report row with its image, what was found on every caption of that image, and how its label moved.

    Raises:
        NotFoundError: the run has no such pair.
        InvalidPayloadError, WrongStateError: see `threshold_of`.
    """
    threshold = threshold_of(session, run, cut)
    scope = scope_of(run)
    entry = reports.find_report_entry(session, scope, pair_id, threshold=threshold, base=comparison_of(run))
    image = None if entry is None else images.find_image(session, run.workspace_id, entry.image_id)
    if entry is None or image is None:
        raise NotFoundError(f"pair {pair_id} does not exist in run {run.id}")
    of_image = ReportFilter(threshold, image_id=image.id)
    siblings = reports.report_page(session, scope, of_image, after_rank=0, limit=_MAX_CAPTIONS)
    ordinal = pairs.pair_ordinal(session, scope.workspace_id, pair_id)
    return _detail(entry, image, siblings, label_trajectory(storage, run, ordinal))


def _compared(session: Session, run: PublishedRun, threshold: float) -> dict[str, ComparisonView]:
    base = comparison_of(run)
    if base is None or run.summary.comparison is None:
        return {}
    counts = reports.change_counts(session, scope_of(run), threshold=threshold, base=base)
    return {
        "comparison": run.summary.comparison.model_copy(
            update={f"n_{change.value}": count for change, count in counts.items()}
        )
    }


def _expected(totals: FlagTotals) -> dict[str, float | None]:
    flagged, n_flagged, total = totals.flagged_mismatch, totals.n_flagged, totals.all_mismatch
    return {
        "expected_precision": flagged / n_flagged if n_flagged else None,
        "expected_recall": flagged / total if total else None,
    }


def _detail(
    entry: ReportEntry, image: Image, siblings: Sequence[ReportEntry], trajectory: list[TrajectoryPoint]
) -> PairDetail:
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
        trajectory=trajectory,
    )
