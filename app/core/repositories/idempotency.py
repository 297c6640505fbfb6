"""SQL of idempotency records: which answer an Idempotency-Key was given."""

import uuid
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core.models import IdempotencyRecord

_PENDING = 0  # the status of a record whose request has not ended; no other transaction ever sees it


def claim_key(session: Session, *, workspace_id: uuid.UUID, key: str, request_hash: bytes) -> IdempotencyRecord | None:
    """Take the key for this transaction.

    The insert waits for any other transaction that has taken the same key: it finds the other's record if that one
    commits, and takes the key itself if that one is rolled back.

    Returns:
        The record that a request before this one left; None when this transaction has taken the key.
    """
    taken = session.execute(
        insert(IdempotencyRecord)
        .values(workspace_id=workspace_id, key=key, request_hash=request_hash, status=_PENDING, body={})
        .on_conflict_do_nothing(index_elements=[IdempotencyRecord.workspace_id, IdempotencyRecord.key])
        .returning(IdempotencyRecord.id)
    ).scalar_one_or_none()
    if taken is not None:
        return None
    return session.execute(
        select(IdempotencyRecord).where(IdempotencyRecord.workspace_id == workspace_id, IdempotencyRecord.key == key)
    ).scalar_one()


def record_answer(
    session: Session,
    *,
    workspace_id: uuid.UUID,
    key: str,
    status: int,
    body: dict[str, Any],  # Any: the JSON of whatever answer was given
) -> None:
    """Keep the answer of the request that has taken the key."""
    session.execute(
        update(IdempotencyRecord)
        .where(IdempotencyRecord.workspace_id == workspace_id, IdempotencyRecord.key == key)
        .values(status=status, body=body)
    )
