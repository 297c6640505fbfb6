"""The environment of the migration, the workers and the API."""

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from app.core.embedded.data_folder import DataFolder
from app.core.embedded.servers import ServerUrls

_SOURCE_ROOT = Path(__file__).resolve().parents[3]


def child_environment(
    folder: DataFolder, urls: ServerUrls, lock_fd: int, *, base: Mapping[str, str], extra: Mapping[str, str]
) -> dict[str, str]:
    """Build the environment that every Python child gets.

    Args:
        folder: the data folder.
        urls: where its servers are; an address in `base` that points elsewhere is overruled.
        lock_fd: the inherited children lock, for what the children start themselves.
        base: the environment of this process.
        extra: what overrules all the rest.
    """
    return {
        **base,
        "MISPAIR_DATABASE_URL": urls.database_url,
        "MISPAIR_BROKER_URL": urls.broker_url,
        "MISPAIR_STORAGE_URL": folder.storage.as_uri(),
        "MISPAIR_DATA": str(folder.root),
        "MISPAIR_LOCK_FD": str(lock_fd),
        "TMPDIR": str(folder.tmp),
        "PATH": base.get("PATH", os.defpath),
        "PYTHONPATH": _python_path(base.get("PYTHONPATH", "")),
        "PYTHONSAFEPATH": "1",  # nothing lying in the working directory is ever imported
        "PYTHONUNBUFFERED": "1",  # the last words of a killed child reach its log
        **extra,
    }


def _python_path(inherited: str) -> str:
    """Let children import what this process imports, also from a checkout that is not installed.

    An installed copy is found anyway, and site-packages before the standard library could shadow it.
    """
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    own = [] if _SOURCE_ROOT in installed else [str(_SOURCE_ROOT)]
    return os.pathsep.join([*own, *(entry for entry in inherited.split(os.pathsep) if entry)])
