"""Alembic's environment: one transaction under an advisory lock, so that of two starters one migrates and one waits."""

from alembic import context
from sqlalchemy import text

from app.core.database import make_engine
from app.core.models import Base
from app.core.settings import get_settings

_LOCK_ID = 7_301_164_917  # any constant that is ours alone in this database


def _database_url() -> str:
    return context.config.attributes.get("database_url") or get_settings().database_url


def _run() -> None:
    engine = make_engine(_database_url(), application_name="mispair-migrations")
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            connection.execute(text("SET LOCAL lock_timeout = '30s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
            context.run_migrations()
    engine.dispose()


_run()
