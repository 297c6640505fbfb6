"""SQL of pairs."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models import Pair


def pair_ordinal(session: Session, workspace_id: uuid.UUID, pair_id: uuid.UUID) -> int:
    """The place of a pair of this workspace in its corpus version, from 0; the pair must exist."""
    statement = select(Pair.ordinal).where(Pair.workspace_id == workspace_id, Pair.id == pair_id)
    return session.execute(statement).scalar_one()


def find_pair_ordinal(session: Session, version_id: uuid.UUID, pair_id: uuid.UUID) -> int | None:
    """The place of a pair in this corpus version, or None where it has no such pair."""
    statement = select(Pair.ordinal).where(Pair.corpus_version_id == version_id, Pair.id == pair_id)
    return session.execute(statement).scalar_one_or_none()
