from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import make_engine, session_scope
from app.core.models import Workspace


class TestMakeEngine:
    def test_times_come_in_utc_whatever_the_servers_zone_is(self, fresh_database_url: str) -> None:
        engine = make_engine(fresh_database_url)
        with engine.begin() as connection:
            connection.execute(text(f"ALTER DATABASE {engine.url.database} SET timezone = 'Asia/Tokyo'"))
        engine.dispose()
        with engine.connect() as connection:
            now = connection.execute(select(func.now())).scalar_one()
        engine.dispose()
        assert now.utcoffset() == timedelta(0)
        assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)

    def test_a_connection_that_the_server_closed_is_replaced(self, fresh_database_url: str) -> None:
        engine = make_engine(fresh_database_url, pool_size=1)
        with engine.connect() as connection:
            pid = connection.execute(select(func.pg_backend_pid())).scalar_one()
        killer = make_engine(fresh_database_url)
        with killer.connect() as connection:
            connection.execute(select(func.pg_terminate_backend(pid)))
        killer.dispose()
        with engine.connect() as connection:
            assert connection.execute(select(func.pg_backend_pid())).scalar_one() != pid
        engine.dispose()

    @pytest.mark.parametrize(("limit_s", "shown"), [(None, "0"), (1.5, "1500ms")])
    def test_a_silent_transaction_is_ended_only_where_asked_for(
        self, fresh_database_url: str, limit_s: float | None, shown: str
    ) -> None:
        engine = make_engine(fresh_database_url, idle_in_transaction_s=limit_s)
        with engine.connect() as connection:
            assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == shown
        engine.dispose()


class TestSessionScope:
    def test_it_commits(self, session_factory: sessionmaker[Session]) -> None:
        with session_scope(session_factory) as session:
            session.add(Workspace(name="kept"))
        with session_scope(session_factory) as session:
            assert session.execute(select(Workspace.name)).scalar_one() == "kept"

    def test_an_error_rolls_back(self, session_factory: sessionmaker[Session]) -> None:
        with pytest.raises(RuntimeError, match="late"):
            _add_and_fail(session_factory)
        with session_scope(session_factory) as session:
            assert session.execute(select(Workspace.name)).scalar_one_or_none() is None

    def test_what_was_read_can_be_used_afterwards(self, session_factory: sessionmaker[Session]) -> None:
        with session_scope(session_factory) as session:
            workspace = Workspace(name="kept")
            session.add(workspace)
        assert workspace.name == "kept"


def _add_and_fail(session_factory: sessionmaker[Session]) -> None:
    with session_scope(session_factory) as session:
        session.add(Workspace(name="lost"))
        session.flush()
        raise RuntimeError("late")
