import os
import subprocess
import sys

from app.auth.service import authenticate_key
from app.core.database import make_engine, make_session_factory, session_scope
from app.core.settings import Settings


class TestFirstKey:
    def test_a_new_deployment_gets_one_key_and_only_one(self, settings: Settings, fresh_database_url: str) -> None:
        first = _first_key(settings, fresh_database_url)
        second = _first_key(settings, fresh_database_url)
        engine = make_engine(fresh_database_url)
        with session_scope(make_session_factory(engine)) as session:
            authenticate_key(session, first.stdout.strip())
        engine.dispose()
        assert (first.returncode, second.returncode, second.stdout) == (0, 1, "")
        assert "a usable key exists already" in second.stderr


def _first_key(settings: Settings, database_url: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "MISPAIR_DATABASE_URL": database_url,
        "MISPAIR_BROKER_URL": settings.broker_url,
        "MISPAIR_STORAGE_URL": settings.storage_url,
    }
    command = [sys.executable, "-m", "app.auth.first_key"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
