"""SQL of workspaces, keys and browser sessions."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, false, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core.models import ApiKey, BrowserSession, Workspace, new_id

_LAST_USED_EVERY = timedelta(minutes=1)  # a write for every request would make each reading request a writing one


@dataclass(frozen=True)
class FoundKey:
    """A key as it stands on the database's clock."""

    key: ApiKey
    is_revoked: bool
    is_expired: bool
    is_use_stale: bool  # last_used_at is older than a minute


def ensure_workspace(session: Session, name: str) -> Workspace:
    """The workspace of that name, made when there is none, and locked until the transaction ends."""
    session.execute(
        insert(Workspace).values(id=new_id(), name=name).on_conflict_do_nothing(index_elements=[Workspace.name])
    )
    return session.execute(select(Workspace).where(Workspace.name == name).with_for_update()).scalar_one()


def has_usable_key(session: Session, workspace_id: uuid.UUID) -> bool:
    """Whether any key of the workspace is neither revoked nor expired."""
    usable = select(ApiKey.id).where(
        ApiKey.workspace_id == workspace_id,
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
    )
    return session.execute(select(usable.exists())).scalar_one()


def find_key(session: Session, public_id: str) -> FoundKey | None:
    """The key with that public id, in whatever workspace: it is what names the workspace."""
    row = session.execute(select(ApiKey, *_standing()).where(ApiKey.public_id == public_id)).one_or_none()
    return None if row is None else FoundKey(row[0], row[1], row[2], row[3])


def find_session_key(session: Session, token_hash: bytes) -> FoundKey | None:
    """The key that a browser session was traded for; None when there is no such session, or it has expired."""
    row = session.execute(
        select(ApiKey, *_standing())
        .join(BrowserSession, BrowserSession.key_id == ApiKey.id)
        .where(BrowserSession.token_hash == token_hash, BrowserSession.expires_at > func.now())
    ).one_or_none()
    return None if row is None else FoundKey(row[0], row[1], row[2], row[3])


def touch_key(session: Session, key_id: uuid.UUID) -> None:
    """Note that a key was used now, unless another request just did."""
    session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, _is_use_stale())
        .values(last_used_at=func.now())
        .execution_options(synchronize_session=False)
    )


def list_keys(session: Session, workspace_id: uuid.UUID, *, after: uuid.UUID | None, limit: int) -> list[ApiKey]:
    """Keys of a workspace, the newest first, revoked ones too."""
    statement = select(ApiKey).where(ApiKey.workspace_id == workspace_id).order_by(ApiKey.id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(ApiKey.id < after)
    return list(session.execute(statement).scalars())


def revoke_key(session: Session, workspace_id: uuid.UUID, key_id: uuid.UUID) -> bool:
    """Revoke a key; False when the workspace has none with that id. The first time of revocation stays."""
    revoked = session.execute(
        update(ApiKey)
        .where(ApiKey.workspace_id == workspace_id, ApiKey.id == key_id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
        .returning(ApiKey.id)
        .execution_options(synchronize_session=False)
    )
    return revoked.scalar_one_or_none() is not None


def add_browser_session(
    session: Session, *, workspace_id: uuid.UUID, key_id: uuid.UUID, token_hash: bytes, lifetime: timedelta
) -> None:
    """Store a browser session, and forget the key's expired ones."""
    session.execute(
        delete(BrowserSession).where(BrowserSession.key_id == key_id, BrowserSession.expires_at < func.now())
    )
    session.execute(
        insert(BrowserSession).values(
            id=new_id(),
            workspace_id=workspace_id,
            key_id=key_id,
            token_hash=token_hash,
            expires_at=func.now() + lifetime,
        )
    )


def delete_browser_session(session: Session, token_hash: bytes) -> None:
    """End a browser session; ending one that is gone does nothing."""
    session.execute(delete(BrowserSession).where(BrowserSession.token_hash == token_hash))


def _is_use_stale() -> ColumnElement[bool]:
    return func.coalesce(ApiKey.last_used_at < func.now() - _LAST_USED_EVERY, true())


def _standing() -> tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]:
    is_expired = func.coalesce(ApiKey.expires_at <= func.now(), false())
    return ApiKey.revoked_at.is_not(None), is_expired, _is_use_stale()
