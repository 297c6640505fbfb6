"""The data folder of one machine's Mispair and the places inside it."""

import os
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded.errors import DataFolderError


@dataclass(frozen=True)
class DataFolder:
    """Paths inside the data folder.

    Attributes:
        root: absolute, without links.
    """

    root: Path

    @property
    def postgres(self) -> Path:
        """The PostgreSQL cluster."""
        return self.root / "pg"

    @property
    def redis(self) -> Path:
        """The working folder of Redis."""
        return self.root / "redis"

    @property
    def storage(self) -> Path:
        """Objects: archives, shards, artefacts."""
        return self.root / "storage"

    @property
    def tmp(self) -> Path:
        """TMPDIR of every child, so that what killed processes leave is in one place."""
        return self.root / "tmp"

    @property
    def logs(self) -> Path:
        """One log file a child."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held by the process that runs this data folder; contains its process id."""
        return self.root / "lock"

    @property
    def children_lock(self) -> Path:
        """Held by that process and every one of its children."""
        return self.root / "children.lock"

    def log(self, name: str) -> Path:
        """The log file of one child."""
        return self.logs / f"{name}.log"


def prepare_data_folder(data: Path) -> DataFolder:
    """Make the data folder (mode 0700) and the folders that this user owns inside it.

    Args:
        data: the folder; a relative one counts from the working directory.

    Raises:
        DataFolderError: it is a file, or cannot be made or written.
    """
    folder = DataFolder(data.expanduser().resolve())
    if folder.root.exists() and not folder.root.is_dir():
        raise DataFolderError(f"the data folder {folder.root} is a file, and must be a folder")
    try:
        folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in (folder.redis, folder.storage, folder.tmp, folder.logs):
            place.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise DataFolderError(f"the data folder {folder.root} cannot be made: {error.strerror}") from error
    if not os.access(folder.root, os.W_OK | os.X_OK):
        raise DataFolderError(f"the data folder {folder.root} is not writable for user id {os.geteuid()}")
    return folder
