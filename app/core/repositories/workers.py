"""SQL of the workers that are alive."""

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core.models import WorkerHeartbeat

_FORGET_AFTER = timedelta(days=1)


def record_worker(session: Session, name: str, queues: str) -> None:
    """Say that a worker is alive, and forget those that died long ago without a word."""
    session.execute(
        insert(WorkerHeartbeat)
        .values(id=name, queues=queues)
        .on_conflict_do_update(index_elements=["id"], set_={"seen_at": func.now(), "queues": queues})
    )
    session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.seen_at < func.now() - _FORGET_AFTER))


def forget_worker(session: Session, name: str) -> None:
    """A worker ends on purpose."""
    session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.id == name))


def count_workers(session: Session, seen_s: float) -> int:
    """Workers seen within the last `seen_s` seconds."""
    statement = select(func.count()).where(WorkerHeartbeat.seen_at > func.now() - timedelta(seconds=seen_s))
    return session.execute(statement).scalar_one()
