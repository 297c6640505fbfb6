from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.auth.service import authenticate_key, revoke_key
from app.core.database import session_scope
from app.core.embedded import ReadyInfo
from mispair.client_file import read_client_file, write_client_file
from mispair.commands.server_key import ensure_client_file


@pytest.fixture
def ready(session_factory: sessionmaker[Session], database_url: str, tmp_path: Path) -> ReadyInfo:  # noqa: ARG001 - it deletes the rows
    return ReadyInfo("http://127.0.0.1:8000", tmp_path, database_url, {}, {}, 1.0)


class TestEnsureClientFile:
    def test_the_first_key_is_written_and_works(self, ready: ReadyInfo, session_factory: sessionmaker[Session]) -> None:
        address = ensure_client_file(ready)
        assert read_client_file(ready.data / "client.toml") == address
        with session_scope(session_factory) as session:
            authenticate_key(session, address.key)

    def test_the_next_start_keeps_it(self, ready: ReadyInfo) -> None:
        assert ensure_client_file(ready) == ensure_client_file(ready)

    def test_another_port_is_written_down_with_the_same_key(self, ready: ReadyInfo) -> None:
        first = ensure_client_file(ready)
        moved = ReadyInfo("http://127.0.0.1:9000", ready.data, ready.database_url, {}, {}, 1.0)
        assert ensure_client_file(moved).key == first.key
        assert read_client_file(ready.data / "client.toml").url == "http://127.0.0.1:9000"

    @pytest.mark.parametrize("content", ["", 'url = "http://127.0.0.1:8000"\nkey = "mispair_old_key"\n'])
    def test_a_lost_or_foreign_key_is_replaced(self, ready: ReadyInfo, content: str) -> None:
        first = ensure_client_file(ready)
        (ready.data / "client.toml").write_text(content)
        second = ensure_client_file(ready)
        assert second.key not in {first.key, "mispair_old_key"}
        assert read_client_file(ready.data / "client.toml") == second

    def test_a_revoked_key_is_replaced(self, ready: ReadyInfo, session_factory: sessionmaker[Session]) -> None:
        first = ensure_client_file(ready)
        with session_scope(session_factory) as session:
            key = authenticate_key(session, first.key)
            revoke_key(session, key.workspace_id, key.key_id)
        write_client_file(ready.data / "client.toml", first)
        assert ensure_client_file(ready).key != first.key
