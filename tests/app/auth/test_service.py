import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.auth.key_text import generate_key
from app.auth.service import (
    authenticate_key,
    authenticate_session,
    close_session,
    create_key,
    ensure_first_key,
    open_session,
    revoke_key,
)
from app.core.database import session_scope
from app.core.errors import InvalidPayloadError, NotFoundError, UnauthorizedError
from app.core.models import ApiKey, BrowserSession, Workspace
from tests.factories import add_key, add_workspace

HOUR = timedelta(hours=1)


@pytest.fixture
def workspace_id(session: Session) -> uuid.UUID:
    return add_workspace(session).id


def _refusal(session: Session, key: str) -> str:
    with pytest.raises(UnauthorizedError) as raised:
        authenticate_key(session, key)
    return raised.value.code


class TestEnsureFirstKey:
    def test_it_makes_a_key_that_works(self, session: Session) -> None:
        key = ensure_first_key(session)
        assert key is not None
        assert authenticate_key(session, key).workspace_id == session.execute(select(Workspace.id)).scalar_one()

    def test_the_second_time_it_makes_none(self, session: Session) -> None:
        ensure_first_key(session)
        assert ensure_first_key(session) is None

    def test_it_makes_another_when_all_are_revoked(self, session: Session) -> None:
        key = ensure_first_key(session)
        assert key is not None
        context = authenticate_key(session, key)
        revoke_key(session, context.workspace_id, context.key_id)
        assert ensure_first_key(session) not in (None, key)

    def test_it_makes_another_when_all_have_expired(self, session: Session) -> None:
        ensure_first_key(session)
        session.execute(update(ApiKey).values(expires_at=func.now()))
        assert ensure_first_key(session) is not None

    def test_a_key_of_another_workspace_does_not_count(self, session: Session, workspace_id: uuid.UUID) -> None:
        add_key(session, workspace_id)
        assert ensure_first_key(session) is not None

    def test_of_several_callers_at_once_one_gets_a_key(self, session_factory: sessionmaker[Session]) -> None:
        def ensure(_: int) -> str | None:
            with session_scope(session_factory) as session:
                return ensure_first_key(session)

        with ThreadPoolExecutor(4) as pool:
            keys = list(pool.map(ensure, range(4)))
        assert sum(key is not None for key in keys) == 1


class TestCreateKey:
    def test_its_secret_is_not_in_the_database(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, text = create_key(session, workspace_id, name="ci")
        assert row.secret_hash == hashlib.sha256(text.secret.encode()).digest()

    def test_a_time_that_has_passed_is_refused(self, session: Session, workspace_id: uuid.UUID) -> None:
        with pytest.raises(InvalidPayloadError, match="has passed"):
            create_key(session, workspace_id, name="ci", expires_at=datetime(2020, 1, 1, tzinfo=UTC))


class TestAuthenticateKey:
    def test_a_key_opens_its_workspace(self, session: Session, workspace_id: uuid.UUID) -> None:
        assert authenticate_key(session, add_key(session, workspace_id)).workspace_id == workspace_id

    @pytest.mark.parametrize("key", ["", "mispair_x_y", generate_key().reveal()], ids=["none", "malformed", "unknown"])
    def test_what_is_no_key_of_ours_is_refused(self, session: Session, key: str) -> None:
        assert _refusal(session, key) == "unauthorized"

    def test_a_wrong_secret_is_refused_like_an_unknown_key(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, _ = create_key(session, workspace_id, name="ci")
        other = generate_key()
        row.public_id = other.public_id
        session.flush()
        assert _refusal(session, other.reveal()) == "unauthorized"

    def test_a_revoked_key_is_refused(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, text = create_key(session, workspace_id, name="ci")
        revoke_key(session, workspace_id, row.id)
        assert _refusal(session, text.reveal()) == "key_revoked"

    def test_an_expired_key_is_refused(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, text = create_key(session, workspace_id, name="ci")
        row.expires_at = datetime.now(UTC) - HOUR
        session.flush()
        assert _refusal(session, text.reveal()) == "key_expired"

    def test_its_use_is_noted(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, text = create_key(session, workspace_id, name="ci")
        authenticate_key(session, text.reveal())
        session.refresh(row)
        assert row.last_used_at is not None

    def test_its_use_is_noted_once_a_minute(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, text = create_key(session, workspace_id, name="ci")
        row.last_used_at = used_at = datetime.now(UTC) - timedelta(seconds=50)
        session.flush()
        authenticate_key(session, text.reveal())
        session.refresh(row)
        assert row.last_used_at == used_at

    def test_its_use_is_noted_again_after_a_minute(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, text = create_key(session, workspace_id, name="ci")
        row.last_used_at = used_at = datetime.now(UTC) - timedelta(seconds=70)
        session.flush()
        authenticate_key(session, text.reveal())
        session.refresh(row)
        assert row.last_used_at > used_at


class TestRevokeKey:
    def test_twice_is_the_same_as_once(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, _ = create_key(session, workspace_id, name="ci")
        revoke_key(session, workspace_id, row.id)
        session.refresh(row)
        revoked_at = row.revoked_at
        revoke_key(session, workspace_id, row.id)
        session.refresh(row)
        assert row.revoked_at == revoked_at is not None

    def test_another_workspaces_key_does_not_exist(self, session: Session, workspace_id: uuid.UUID) -> None:
        row, text = create_key(session, workspace_id, name="ci")
        with pytest.raises(NotFoundError):
            revoke_key(session, add_workspace(session).id, row.id)
        assert authenticate_key(session, text.reveal())


class TestBrowserSession:
    @pytest.fixture
    def key(self, session: Session, workspace_id: uuid.UUID) -> str:
        return add_key(session, workspace_id)

    @pytest.fixture
    def token(self, session: Session, key: str) -> str:
        return open_session(session, authenticate_key(session, key), lifetime=HOUR)

    def test_it_stands_for_its_key(self, session: Session, key: str, token: str) -> None:
        assert authenticate_session(session, token) == authenticate_key(session, key)

    def test_only_its_hash_is_stored(self, session: Session, token: str) -> None:
        stored = session.execute(select(BrowserSession.token_hash)).scalar_one()
        assert stored == hashlib.sha256(token.encode()).digest()

    def test_it_dies_with_its_key(self, session: Session, key: str, token: str) -> None:
        context = authenticate_key(session, key)
        revoke_key(session, context.workspace_id, context.key_id)
        with pytest.raises(UnauthorizedError):
            authenticate_session(session, token)

    def test_it_ends_when_it_is_closed(self, session: Session, token: str) -> None:
        close_session(session, token)
        with pytest.raises(UnauthorizedError, match="sign in again"):
            authenticate_session(session, token)

    def test_it_ends_after_its_lifetime(self, session: Session, token: str) -> None:
        session.execute(update(BrowserSession).values(expires_at=func.now()))
        with pytest.raises(UnauthorizedError, match="sign in again"):
            authenticate_session(session, token)

    def test_opening_one_forgets_the_expired_ones(self, session: Session, key: str, token: str) -> None:
        session.execute(update(BrowserSession).values(expires_at=func.now() - HOUR))
        open_session(session, authenticate_key(session, key), lifetime=HOUR)
        assert session.execute(select(func.count()).select_from(BrowserSession)).scalar_one() == 1
        assert token
