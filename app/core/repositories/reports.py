"""SQL of report rows: pages, streams, what a threshold flags, and the pairs behind search hits.

Every comparison casts its bound to REAL, the column's type: compared as doubles, the stored 0.7 would lie below a
threshold of 0.7, and the same pair would be flagged or not depending on who compares.
"""

import uuid
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    REAL,
    ColumnElement,
    Double,
    Integer,
    Select,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.orm import Session

from app.core.models import Image, ImageCheck, Pair, ReportRow

_LIKE_ESCAPE = "\\"
_HIGHEST_THRESHOLD = 1.0


@dataclass(frozen=True)
class ReportScope:
    """Whose report: every query names the workspace too, so that a wrong run id alone cannot leak one."""

    workspace_id: uuid.UUID
    run_id: uuid.UUID


class Change(StrEnum):
    """How a finding differs from that of the base run on the same pair."""

    NEW = "new"  # flagged, of a pair that the base run did not know
    REGRESSED = "regressed"  # flagged now, not before
    REMAINING = "remaining"  # flagged before and now
    RESOLVED = "resolved"  # flagged before, not any more


@dataclass(frozen=True)
class Comparison:
    """The run that a report is compared with.

    Attributes:
        threshold: below which that run flags.
    """

    threshold: float


@dataclass(frozen=True)
class ReportFilter:
    """Which rows of a report to read. `threshold` only defines the flag; the other fields leave rows out.

    Attributes:
        threshold: a correspondence below it is flagged.
        is_mismatch: only flagged rows, only the others, or None for both.
        caption_words: each must occur in the caption, in upper or lower case.
        reason_code: only rows with this reason.
        is_near_duplicate: only rows whose image is nearly another one, or only the others; None for both.
        best_captions: only this many of the best captions of each image; None for all.
        change: only rows of this change against the base run.
        base: what the rows are compared with; None where there is nothing.
    """

    threshold: float
    is_mismatch: bool | None = None
    min_correspondence: float | None = None
    max_correspondence: float | None = None
    image_id: uuid.UUID | None = None
    caption_words: tuple[str, ...] = ()
    reason_code: str | None = None
    is_near_duplicate: bool | None = None
    best_captions: int | None = None
    change: Change | None = None
    base: Comparison | None = None


class ReportEntry(NamedTuple):
    """A report row with its pair. A tuple, because a download makes millions of them."""

    pair_id: uuid.UUID
    pair_key: str
    rank: int
    correspondence: float
    correspondence_label: float
    is_mismatch: bool
    caption: str
    image_id: uuid.UUID
    source_id: str | None
    source_path: str
    row_number: int
    extra: dict[str, Any] | None  # Any: the user's other columns, JSON
    # At the end, so that who reads a file by position keeps reading it.
    reason_code: str | None = None
    evidence: dict[str, Any] | None = None  # Any: JSON, by reason
    best_caption: str | None = None
    best_caption_correspondence: float | None = None
    repair_image_id: uuid.UUID | None = None
    # Of its image; None before the checks beside mismatch.
    is_near_duplicate: bool | None = None
    near_duplicate_set: int | None = None
    correspondence_low: float | None = None
    correspondence_high: float | None = None
    expected_precision_at_cut: float | None = None
    lemon_score: float | None = None
    similarity_score: float | None = None
    caption_place: int | None = None
    base_correspondence: float | None = None
    change: str | None = None  # a Change


class HitPair(NamedTuple):
    """A pair as a search hit shows it."""

    ordinal: int
    pair_id: uuid.UUID
    pair_key: str
    caption: str
    correspondence: float
    is_mismatch: bool
    image_id: uuid.UUID
    source_path: str
    image_source_path: str


class FlagTotals(NamedTuple):
    """What a threshold flags of a run. The sums are of 1 - correspondence: of mismatches to expect, where the run is
    calibrated.
    """

    n_flagged: int
    flagged_mismatch: float
    all_mismatch: float


def report_page(
    session: Session, scope: ReportScope, wanted: ReportFilter, *, after_rank: int, limit: int
) -> list[ReportEntry]:
    """At most `limit` rows with a rank above `after_rank`, worst first."""
    statement = _report(scope, wanted).where(ReportRow.rank > after_rank).limit(limit)
    return [ReportEntry._make(row) for row in session.execute(statement)]


def stream_report(
    session: Session, scope: ReportScope, wanted: ReportFilter, *, batch_rows: int
) -> Generator[list[ReportEntry], None, None]:
    """All rows, worst first, in batches from a server-side cursor. Close the generator before its session."""
    with session.execute(_report(scope, wanted), execution_options={"yield_per": batch_rows}) as result:
        for rows in result.partitions():
            yield [ReportEntry._make(row) for row in rows]


def find_report_entry(
    session: Session, scope: ReportScope, pair_id: uuid.UUID, *, threshold: float, base: Comparison | None = None
) -> ReportEntry | None:
    """The row of one pair, or None."""
    statement = _report(scope, ReportFilter(threshold, base=base)).where(ReportRow.pair_id == pair_id)
    row = session.execute(statement).one_or_none()
    return None if row is None else ReportEntry._make(row)


def flag_totals(session: Session, scope: ReportScope, *, threshold: float) -> FlagTotals:
    """What a threshold flags of a run."""
    mismatch = 1.0 - cast(ReportRow.correspondence, Double)
    is_below = _is_below(threshold)
    statement = select(
        func.count().filter(is_below),
        func.coalesce(func.sum(mismatch).filter(is_below), 0.0),
        func.coalesce(func.sum(mismatch), 0.0),
    ).where(*_of(scope))
    return FlagTotals._make(session.execute(statement).one())


def reason_counts(session: Session, scope: ReportScope, *, threshold: float) -> dict[str, int]:
    """The flagged rows that have a reason, by its code, the most frequent first."""
    count = func.count()
    statement = (
        select(ReportRow.reason_code, count)
        .where(*_of(scope), _is_below(threshold), ReportRow.reason_code.is_not(None))
        .group_by(ReportRow.reason_code)
        .order_by(count.desc(), ReportRow.reason_code)
    )
    return {code: n for code, n in session.execute(statement) if code is not None}


def threshold_at_fdr(session: Session, scope: ReportScope, *, fdr: float) -> float:
    """The largest threshold at which the mean correspondence of the flagged, their expected share of matches, is at
    most `fdr`; at most 1.

    It is the correspondence of the first row, worst first, that pushes the mean of the rows so far above `fdr`. Rows
    that equal it, before it or behind, do not lie below it, so that a tie at the cut stays out as a whole.
    """
    # As doubles, and against the rate times the number of rows, which the rank is: the sums and products by which a
    # run's own threshold is found, so that its own rate leads to its own flags.
    matches = func.sum(cast(ReportRow.correspondence, Double)).over(order_by=ReportRow.rank, rows=(None, 0))
    so_far = select(ReportRow.rank, ReportRow.correspondence, matches.label("matches")).where(*_of(scope)).subquery()
    # In the order of the index on (run_id, rank), so that no more is read than is flagged.
    statement = (
        select(so_far.c.correspondence)
        .where(so_far.c.matches > cast(fdr, Double) * so_far.c.rank)
        .order_by(so_far.c.rank)
        .limit(1)
    )
    found = session.execute(statement).scalar_one_or_none()
    return _HIGHEST_THRESHOLD if found is None else found


def hit_pairs(
    session: Session,
    scope: ReportScope,
    *,
    corpus_version_id: uuid.UUID,
    ordinals: Sequence[int],
    threshold: float,
) -> dict[int, HitPair]:
    """The pairs with these ordinals, with what the run found on them, by ordinal."""
    statement = (
        select(
            Pair.ordinal,
            Pair.id,
            Pair.pair_key,
            Pair.caption,
            ReportRow.correspondence,
            _is_below(threshold),
            Pair.image_id,
            Pair.source_path,
            Image.source_path,
        )
        .join(ReportRow, ReportRow.pair_id == Pair.id)
        .join(Image, Image.id == Pair.image_id)
        .where(
            *_of(scope),
            Pair.corpus_version_id == corpus_version_id,
            Pair.ordinal == any_(literal(list(ordinals), ARRAY(Integer))),
        )
    )
    return {row[0]: HitPair._make(row) for row in session.execute(statement)}


def _report(scope: ReportScope, wanted: ReportFilter) -> Select[*tuple[Any, ...]]:  # Any: the columns of a ReportEntry
    return (
        select(
            Pair.id,
            Pair.pair_key,
            ReportRow.rank,
            ReportRow.correspondence,
            ReportRow.correspondence_label,
            _is_below(wanted.threshold),
            Pair.caption,
            Pair.image_id,
            Pair.source_id,
            Pair.source_path,
            Pair.row_number,
            Pair.extra,
            ReportRow.reason_code,
            ReportRow.evidence,
            ReportRow.best_caption,
            ReportRow.best_caption_correspondence,
            ReportRow.repair_image_id,
            _is_near_duplicate(),
            ImageCheck.near_duplicate_set,
            ReportRow.correspondence_low,
            ReportRow.correspondence_high,
            ReportRow.expected_precision_at_cut,
            ReportRow.lemon_score,
            ReportRow.similarity_score,
            ReportRow.caption_place,
            ReportRow.base_correspondence,
            _change(wanted),
        )
        .join(Pair, Pair.id == ReportRow.pair_id)
        .outerjoin(ImageCheck, ImageCheck.image_id == Pair.image_id)
        .where(*_of(scope), *_conditions(wanted))
        .order_by(ReportRow.rank)
    )


def _of(scope: ReportScope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return ReportRow.workspace_id == scope.workspace_id, ReportRow.run_id == scope.run_id


def _conditions(wanted: ReportFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.is_mismatch is not None:
        is_below = _is_below(wanted.threshold)
        yield is_below if wanted.is_mismatch else ~is_below
    if wanted.min_correspondence is not None:
        yield ReportRow.correspondence >= cast(wanted.min_correspondence, REAL)
    if wanted.max_correspondence is not None:
        yield ReportRow.correspondence <= cast(wanted.max_correspondence, REAL)
    if wanted.image_id is not None:
        yield Pair.image_id == wanted.image_id
    if wanted.reason_code is not None:
        yield ReportRow.reason_code == wanted.reason_code
    if wanted.is_near_duplicate is not None:
        yield _is_near_duplicate() == wanted.is_near_duplicate
    if wanted.change is not None:
        yield _change(wanted) == wanted.change.value
    if wanted.best_captions is not None:
        yield ReportRow.caption_place <= wanted.best_captions
    for word in wanted.caption_words:
        yield Pair.caption.ilike(f"%{_escaped(word)}%", escape=_LIKE_ESCAPE)


def _change(wanted: ReportFilter) -> ColumnElement[Any]:  # Any: text, which may be NULL
    """NULL of a pair that is flagged neither now nor before, and where there is nothing to compare with."""
    if wanted.base is None:
        return null()
    was_flagged = ReportRow.base_correspondence < cast(wanted.base.threshold, REAL)
    is_flagged = _is_below(wanted.threshold)
    return case(
        (and_(is_flagged, ReportRow.base_correspondence.is_(None)), Change.NEW.value),
        (and_(is_flagged, was_flagged), Change.REMAINING.value),
        (is_flagged, Change.REGRESSED.value),
        (was_flagged, Change.RESOLVED.value),
    )


def change_counts(session: Session, scope: ReportScope, *, threshold: float, base: Comparison) -> dict[Change, int]:
    """How many rows have which change at a threshold."""
    change = _change(ReportFilter(threshold, base=base)).label("change")
    statement = select(change, func.count()).where(*_of(scope)).group_by(change)
    counts = {code: n for code, n in session.execute(statement) if code is not None}
    return {kind: counts.get(kind.value, 0) for kind in Change}


def _is_near_duplicate() -> ColumnElement[bool]:
    """NULL where the image was not checked."""
    is_in_set = ImageCheck.near_duplicate_set.is_not(None)
    return case((ImageCheck.image_id.is_not(None), is_in_set))


def _is_below(threshold: float) -> ColumnElement[bool]:
    return ReportRow.correspondence < cast(threshold, REAL)


def _escaped(word: str) -> str:
    """The word with LIKE's own letters made plain."""
    for letter in (_LIKE_ESCAPE, "%", "_"):
        word = word.replace(letter, _LIKE_ESCAPE + letter)
    return word
