"""SQL of a run and the run of an earlier version that it is compared with.

A pair is known again by its key, its words and its image's content: whoever corrects one half of it makes another pair.
"""

import uuid

from sqlalchemy import REAL, ColumnElement, and_, cast, func, select
from sqlalchemy.orm import Session, aliased

from app.core.models import CorpusVersion, Image, Pair, ReportRow, Run
from app.core.repositories.corpora import ancestors_of


def find_base_run(session: Session, version: CorpusVersion) -> uuid.UUID | None:
    """The newest published run of the versions that this one goes out from; None where there is none."""
    ancestors = ancestors_of(version.parent_id)
    statement = (
        select(Run.id)
        .where(Run.corpus_version_id.in_(select(ancestors.c.id)), Run.summary.is_not(None))
        .order_by(Run.id.desc())
        .limit(1)
    )
    return session.execute(statement).scalar_one_or_none()


def find_threshold(session: Session, run_id: uuid.UUID) -> float | None:
    """The threshold of a published run; None where it is gone."""
    summary = session.execute(select(Run.summary).where(Run.id == run_id)).scalar_one_or_none()
    return None if summary is None else float(summary["threshold"])


def base_correspondences(session: Session, run_id: uuid.UUID, version_id: uuid.UUID) -> list[tuple[int, float]]:
    """(ordinal, correspondence by another run) of the pairs of a version that the other run's version has too."""
    old, old_image = aliased(Pair), aliased(Image)
    statement = (
        select(Pair.ordinal, ReportRow.correspondence)
        .join(Image, Image.id == Pair.image_id)
        .join(old, _is_same_row(old))
        .join(old_image, and_(old_image.id == old.image_id, old_image.sha256 == Image.sha256))
        .join(ReportRow, and_(ReportRow.pair_id == old.id, ReportRow.run_id == run_id))
        .where(Pair.corpus_version_id == version_id)
    )
    return [(ordinal, correspondence) for ordinal, correspondence in session.execute(statement)]


def count_gone(session: Session, run_id: uuid.UUID, version_id: uuid.UUID, *, threshold: float) -> int:
    """How many pairs a run flagged that a version no longer has."""
    old, old_image = aliased(Pair), aliased(Image)
    is_there = (
        select(Pair.id)
        .join(Image, Image.id == Pair.image_id)
        .where(Pair.corpus_version_id == version_id, _is_same_row(old), Image.sha256 == old_image.sha256)
        .correlate(old, old_image)
        .exists()
    )
    statement = (
        select(func.count())
        .select_from(ReportRow)
        .join(old, old.id == ReportRow.pair_id)
        .join(old_image, old_image.id == old.image_id)
        .where(ReportRow.run_id == run_id, ReportRow.correspondence < cast(threshold, REAL), ~is_there)
    )
    return session.execute(statement).scalar_one()


def _is_same_row(old: type[Pair]) -> ColumnElement[bool]:
    """Equal key and words; that the image is the same too is the caller's to ask."""
    return and_(old.pair_key == Pair.pair_key, old.workspace_id == Pair.workspace_id, old.caption == Pair.caption)
