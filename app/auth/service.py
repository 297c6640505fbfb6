"""Rules of keys and browser sessions."""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.auth.key_text import KeyText, generate_key, parse_key
from app.core.errors import InvalidPayloadError, NotFoundError, UnauthorizedError
from app.core.models import ApiKey
from app.core.repositories import access
from app.core.repositories.access import FoundKey

DEFAULT_WORKSPACE = "default"
_FIRST_KEY_NAME = "first key"
_NO_HASH = hashlib.sha256(b"").digest()  # compared with when there is no such key, so that a miss takes as long
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class KeyContext:
    """Who asks: the key, and the workspace that it opens."""

    workspace_id: uuid.UUID
    key_id: uuid.UUID


def ensure_first_key(session: Session) -> str | None:
    """Make the default workspace, and a key for it when it has none that can be used.

    Of several callers at once one makes the key, because the workspace's row is locked meanwhile.

    Returns:
        The new key in clear, which is nowhere else; None when a usable key exists.
    """
    workspace = access.ensure_workspace(session, DEFAULT_WORKSPACE)
    if access.has_usable_key(session, workspace.id):
        return None
    _, text = create_key(session, workspace.id, name=_FIRST_KEY_NAME)
    return text.reveal()


def create_key(
    session: Session, workspace_id: uuid.UUID, *, name: str, expires_at: datetime | None = None
) -> tuple[ApiKey, KeyText]:
    """Create a key; its text is returned here and never again.

    Raises:
        InvalidPayloadError: `expires_at` has passed already.
    """
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InvalidPayloadError(f"expires_at: {expires_at.isoformat()} has passed; it must lie in the future")
    text = generate_key()
    key = ApiKey(
        workspace_id=workspace_id,
        public_id=text.public_id,
        name=name,
        secret_hash=text.secret_hash,
        expires_at=None if expires_at is None else expires_at.astimezone(UTC),
    )
    session.add(key)
    session.flush()
    return key, text


def revoke_key(session: Session, workspace_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """Revoke a key and, with it, its browser sessions. Revoking twice is the same as once."""
    if not access.revoke_key(session, workspace_id, key_id):
        raise NotFoundError(f"key {key_id} does not exist")


def authenticate_key(session: Session, key: str) -> KeyContext:
    """Who a key belongs to.

    Raises:
        UnauthorizedError: not a key, an unknown one, or one that is revoked or expired.
    """
    text = parse_key(key)
    found = None if text is None else access.find_key(session, text.public_id)
    given_hash = _NO_HASH if text is None else text.secret_hash
    # The comparison comes before the question whether there is a key, so that both ways take the same time.
    is_same = hmac.compare_digest(_NO_HASH if found is None else found.key.secret_hash, given_hash)
    if found is None or not is_same:
        raise _unauthorized("Authorization: not a key of this service")
    return _admit(session, found)


def authenticate_session(session: Session, token: str) -> KeyContext:
    """Who a browser session's cookie belongs to. It lives no longer than its key.

    Raises:
        UnauthorizedError: unknown or expired, or its key is revoked or expired.
    """
    found = access.find_session_key(session, _token_hash(token))
    if found is None:
        raise _unauthorized("the browser session has ended; sign in again with a key")
    return _admit(session, found)


def open_session(session: Session, context: KeyContext, *, lifetime: timedelta) -> str:
    """Trade a key for a browser session; returns the cookie's value, of which only a hash is stored."""
    token = secrets.token_urlsafe(32)
    access.add_browser_session(
        session,
        workspace_id=context.workspace_id,
        key_id=context.key_id,
        token_hash=_token_hash(token),
        lifetime=lifetime,
    )
    return token


def close_session(session: Session, token: str) -> None:
    """End a browser session; ending one that is gone does nothing."""
    access.delete_browser_session(session, _token_hash(token))


def _admit(session: Session, found: FoundKey) -> KeyContext:
    # Only who has the secret learns which of the two it is.
    if found.is_revoked:
        raise _unauthorized(f"key {found.key.public_id} was revoked", code="key_revoked")
    if found.is_expired:
        raise _unauthorized(f"key {found.key.public_id} has expired", code="key_expired")
    if found.is_use_stale:
        access.touch_key(session, found.key.id)
    return KeyContext(found.key.workspace_id, found.key.id)


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _unauthorized(detail: str, *, code: str = "unauthorized") -> UnauthorizedError:
    return UnauthorizedError(detail, code=code, headers=_CHALLENGE)
