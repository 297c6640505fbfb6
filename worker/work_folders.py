"""Local folders of claimed jobs. A folder lives as long as the process that holds its lock."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def work_folder(root: Path, name: str) -> Iterator[Path]:
    """A fresh folder below `root`, gone afterwards with whatever is in it.

    Args:
        root: made if need be.
        name: no other process may use it at the same time.
    """
    root.mkdir(parents=True, exist_ok=True)
    lock = _lock_path(root, name)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    folder = root / name
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def sweep_work_folders(root: Path) -> int:
    """Delete the folders of processes that were killed; returns how many there were.

    The kernel lets go of a dead process's lock, so whatever can be locked belongs to nobody.
    """
    n_swept = 0
    for lock in root.glob("*.lock") if root.is_dir() else ():
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
            n_swept += 1
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
    return n_swept


def _lock_path(root: Path, name: str) -> Path:
    return root / f"{name}.lock"
