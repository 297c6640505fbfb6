import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect

from app.core.embedded import EmbeddedServers
from app.core.models import Base
from migrations.upgrading import alembic_config, upgrade


@pytest.fixture
def empty_database_url(servers: EmbeddedServers) -> Iterator[str]:
    yield servers.create_database("mispair_empty")
    servers.drop_database("mispair_empty")


def _tables(url: str) -> set[str]:
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


class TestUpgrade:
    def test_it_builds_every_table_of_the_models(self, fresh_database_url: str) -> None:
        assert _tables(fresh_database_url) == {*Base.metadata.tables, "alembic_version"}

    def test_the_models_say_nothing_that_the_migrations_do_not(self, fresh_database_url: str) -> None:
        command.check(alembic_config(fresh_database_url))

    def test_twice_is_the_same_as_once(self, fresh_database_url: str) -> None:
        upgrade(fresh_database_url)
        command.check(alembic_config(fresh_database_url))

    def test_it_can_be_taken_back(self, fresh_database_url: str) -> None:
        command.downgrade(alembic_config(fresh_database_url), "base")
        assert _tables(fresh_database_url) == {"alembic_version"}

    def test_of_two_starters_one_migrates_and_the_other_waits(self, empty_database_url: str) -> None:
        # Processes, because Alembic keeps what it works on in a module.
        command_line = [
            sys.executable,
            "-c",
            f"from migrations.upgrading import upgrade; upgrade({empty_database_url!r})",
        ]
        starters = [subprocess.Popen(command_line, stderr=subprocess.PIPE) for _ in range(2)]
        errors = [starter.communicate()[1] for starter in starters]
        assert [starter.returncode for starter in starters] == [0, 0], errors
        command.check(alembic_config(empty_database_url))
