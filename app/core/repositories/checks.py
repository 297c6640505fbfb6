"""SQL of the checks beside mismatch: what they need to know, storing them once, and reading them."""

import uuid
from collections.abc import Generator, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import REAL, ColumnElement, Select, case, cast, distinct, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.models import CaptionCheck, CorpusChecks, Image, ImageCheck, Pair
from app.core.repositories.copying import copy_rows
from app.core.repositories.features import image_ids
from app.core.repositories.jobs import Claim

_IMAGE_SCORES = ("dark", "blurry", "blank", "odd_aspect", "tiny", "duplicate", "near_duplicate")
_CAPTION_SCORES = ("empty", "overlong", "wrong_language", "boilerplate", "duplicate", "near_duplicate")
_IMAGE_TYPES = {
    "image_id": "uuid",
    "workspace_id": "uuid",
    "corpus_version_id": "uuid",
    **dict.fromkeys(_IMAGE_SCORES, "float4"),
    "near_duplicate_set": "int4",
}
_CAPTION_TYPES = {
    "corpus_version_id": "uuid",
    "workspace_id": "uuid",
    "caption_ordinal": "int4",
    **dict.fromkeys(_CAPTION_SCORES, "float4"),
    "near_duplicate_set": "int4",
    "language": "text",
}

Scores = Sequence[float | None]


class ImageCheckEntry(NamedTuple):
    """An image with all its scores."""

    image_id: uuid.UUID
    source_path: str
    width_px: int
    height_px: int
    dark: float
    blurry: float
    blank: float
    odd_aspect: float
    tiny: float
    duplicate: float
    near_duplicate: float
    near_duplicate_set: int | None


class CaptionCheckEntry(NamedTuple):
    """A distinct caption, in the wording of its first pair, with all its scores."""

    pair_id: uuid.UUID
    pair_key: str
    caption: str
    language: str | None
    empty: float
    overlong: float
    wrong_language: float
    boilerplate: float
    duplicate: float
    near_duplicate: float | None
    near_duplicate_set: int | None


class WantedItems(NamedTuple):
    """Which items of a version: those with a score of `issue` below `threshold`, the worst first; None = all."""

    version_id: uuid.UUID
    issue: str | None = None
    threshold: float = 1.0


def has_checks(session: Session, version_id: uuid.UUID) -> bool:
    """Whether the checks of a version are stored."""
    return session.execute(select(exists().where(CorpusChecks.corpus_version_id == version_id))).scalar_one()


def paths_an_image(session: Session, version_id: uuid.UUID) -> list[int]:
    """By how many paths the rows of a version name each image, by ordinal."""
    statement = (
        select(func.count(distinct(Pair.source_path)))
        .select_from(Image)
        .outerjoin(Pair, Pair.image_id == Image.id)
        .where(Image.corpus_version_id == version_id)
        .group_by(Image.ordinal)
        .order_by(Image.ordinal)
    )
    return list(session.execute(statement).scalars())


def images_a_caption(session: Session, version_id: uuid.UUID) -> list[int]:
    """How many images of a version have each caption, by caption ordinal."""
    statement = (
        select(func.count(distinct(Pair.image_id)))
        .where(Pair.corpus_version_id == version_id)
        .group_by(Pair.caption_ordinal)
        .order_by(Pair.caption_ordinal)
    )
    return list(session.execute(statement).scalars())


def add_checks(
    session: Session,
    claim: Claim,
    version_id: uuid.UUID,
    *,
    summary: dict[str, Any],  # Any: JSON
    images: Iterable[tuple[Scores, int | None]],
    captions: Iterable[tuple[Scores, int | None, str | None]],
) -> bool:
    """Store the checks of a version, unless another run was first; returns whether they were stored.

    Args:
        session: flushed, not committed.
        claim: whose workspace it is.
        version_id: of the corpus.
        summary: a ChecksSummary's JSON.
        images: scores in the order of their columns and the set, by image ordinal.
        captions: scores, the set and the language, by caption ordinal.
    """
    # Another run that stores the same waits here for this transaction, and then finds the row.
    added = session.execute(
        insert(CorpusChecks)
        .values(corpus_version_id=version_id, workspace_id=claim.workspace_id, summary=summary)
        .on_conflict_do_nothing()
        .returning(CorpusChecks.corpus_version_id)
    ).scalar_one_or_none()
    if added is None:
        return False
    copy_rows(
        session,
        "image_checks",
        _IMAGE_TYPES,
        (
            (image_id, claim.workspace_id, version_id, *scores, number)
            for image_id, (scores, number) in zip(list(image_ids(session, version_id)), images, strict=True)
        ),
    )
    copy_rows(
        session,
        "caption_checks",
        _CAPTION_TYPES,
        (
            (version_id, claim.workspace_id, ordinal, *scores, number, language)
            for ordinal, (scores, number, language) in enumerate(captions)
        ),
    )
    return True


def checks_summary(session: Session, version_id: uuid.UUID) -> dict[str, Any] | None:  # Any: JSON
    """The summary of a version's checks; None before they are done."""
    statement = select(CorpusChecks.summary).where(CorpusChecks.corpus_version_id == version_id)
    return session.execute(statement).scalar_one_or_none()


def foreign_languages(session: Session, version_id: uuid.UUID, *, below: float) -> list[str | None]:
    """By caption ordinal: the language of a caption that is hardly in the corpus's main one, else None.

    Args:
        session: whose.
        version_id: a version that was checked; of another the list is empty.
        below: the score from which on a caption passes as one in the main language.
    """
    is_foreign = _is_below(CaptionCheck.wrong_language, below)
    statement = (
        select(case((is_foreign, CaptionCheck.language)))
        .where(CaptionCheck.corpus_version_id == version_id)
        .order_by(CaptionCheck.caption_ordinal)
    )
    return list(session.execute(statement).scalars())


def image_check_page(session: Session, wanted: WantedItems, *, offset: int, limit: int) -> list[ImageCheckEntry]:
    """At most `limit` images after the first `offset`; stored checks never change, so pages do not shift."""
    rows = session.execute(_images(wanted).offset(offset).limit(limit))
    return [ImageCheckEntry._make(row) for row in rows]


def caption_check_page(session: Session, wanted: WantedItems, *, offset: int, limit: int) -> list[CaptionCheckEntry]:
    """At most `limit` captions after the first `offset`."""
    rows = session.execute(_captions(wanted).offset(offset).limit(limit))
    return [CaptionCheckEntry._make(row) for row in rows]


def stream_image_checks(
    session: Session, wanted: WantedItems, *, batch_rows: int
) -> Generator[list[ImageCheckEntry], None, None]:
    """All images in batches from a server-side cursor. Close the generator before its session."""
    with session.execute(_images(wanted), execution_options={"yield_per": batch_rows}) as result:
        for rows in result.partitions():
            yield [ImageCheckEntry._make(row) for row in rows]


def stream_caption_checks(
    session: Session, wanted: WantedItems, *, batch_rows: int
) -> Generator[list[CaptionCheckEntry], None, None]:
    """All captions in batches from a server-side cursor. Close the generator before its session."""
    with session.execute(_captions(wanted), execution_options={"yield_per": batch_rows}) as result:
        for rows in result.partitions():
            yield [CaptionCheckEntry._make(row) for row in rows]


def _images(wanted: WantedItems) -> Select[*tuple[Any, ...]]:  # Any: the columns of an ImageCheckEntry
    statement = (
        select(
            Image.id,
            Image.source_path,
            Image.width_px,
            Image.height_px,
            *(getattr(ImageCheck, name) for name in _IMAGE_SCORES),
            ImageCheck.near_duplicate_set,
        )
        .join(Image, Image.id == ImageCheck.image_id)
        .where(ImageCheck.corpus_version_id == wanted.version_id)
    )
    if wanted.issue is None:
        return statement.order_by(Image.ordinal)
    score: InstrumentedAttribute[float] = getattr(ImageCheck, wanted.issue)
    return statement.where(_is_below(score, wanted.threshold)).order_by(
        *_worst_first(wanted.issue, score, ImageCheck.near_duplicate_set), Image.ordinal
    )


def _captions(wanted: WantedItems) -> Select[*tuple[Any, ...]]:  # Any: the columns of a CaptionCheckEntry
    first = (
        select(Pair.caption_ordinal, Pair.id, Pair.pair_key, Pair.caption)
        .where(Pair.corpus_version_id == wanted.version_id)
        .ext(distinct_on(Pair.caption_ordinal))
        .order_by(Pair.caption_ordinal, Pair.ordinal)
        .subquery()
    )
    statement = (
        select(
            first.c.id,
            first.c.pair_key,
            first.c.caption,
            CaptionCheck.language,
            *(getattr(CaptionCheck, name) for name in _CAPTION_SCORES),
            CaptionCheck.near_duplicate_set,
        )
        .join(first, first.c.caption_ordinal == CaptionCheck.caption_ordinal)
        .where(CaptionCheck.corpus_version_id == wanted.version_id)
    )
    if wanted.issue is None:
        return statement.order_by(CaptionCheck.caption_ordinal)
    score: InstrumentedAttribute[float] = getattr(CaptionCheck, wanted.issue)
    return statement.where(_is_below(score, wanted.threshold)).order_by(
        *_worst_first(wanted.issue, score, CaptionCheck.near_duplicate_set), CaptionCheck.caption_ordinal
    )


def _is_below(score: InstrumentedAttribute[float], threshold: float) -> ColumnElement[bool]:
    # Compared as REAL, the column's type, like every score of ours.
    return score < cast(threshold, REAL)


def _worst_first(
    issue: str, score: InstrumentedAttribute[float], number: InstrumentedAttribute[int | None]
) -> tuple[ColumnElement[Any], ...]:  # Any: of a number or a score
    """Near-duplicates come set by set, the largest first, for one alone tells nothing."""
    if issue == "near_duplicate":
        return (number.asc().nulls_last(), score.asc())
    return (score.asc(),)
