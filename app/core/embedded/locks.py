"""The two locks of a data folder, and the exact list of processes that an earlier run left behind.

`lock` says that a supervisor runs; nobody inherits it. `children.lock` is inherited by every child, so it stays held
until the last process of a killed run is dead. Who holds it is known from /proc: nothing is ever killed by its name.
"""

import fcntl
import os
import signal
import time
from pathlib import Path

from app.core.embedded.data_folder import DataFolder
from app.core.embedded.errors import AlreadyRunningError, DataFolderError, EmbeddedError
from app.core.embedded.waiting import Cancelled, never, wait_until

_LEAVE_ALONE_S = 3.0  # children of a killed supervisor die by their death signal in 0.2 s; PostgreSQL may need more
_GIVE_UP_S = 30.0
_SWEEP_S = 2.0


def lock_holders(path: Path) -> list[int]:
    """Process ids, other than this one, that have the file open; only those this user may inspect."""
    try:
        wanted = path.stat()
    except FileNotFoundError:
        return []
    candidates = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return sorted(pid for pid in candidates if pid != os.getpid() and _has_open(pid, path.name, wanted))


class FolderLocks:
    """Both locks of one data folder, as held by this process."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._lock_fd: int | None = None
        self._children_fd: int | None = None

    @property
    def children_fd(self) -> int:
        """The descriptor that every child must inherit."""
        if self._children_fd is None:
            raise EmbeddedError(f"the locks of {self._folder.root} are not held")
        return self._children_fd

    def acquire(self, *, leave_alone_s: float = _LEAVE_ALONE_S, cancelled: Cancelled = never) -> None:
        """Take both locks, ending what an earlier run left behind.

        Args:
            leave_alone_s: how long leftovers may take to end by themselves before they are killed.
            cancelled: asked while waiting.

        Raises:
            AlreadyRunningError: another process runs this folder, or its leftovers cannot be ended.
            DataFolderError: the file system has no locks.
        """
        lock_fd = _open(self._folder.lock)
        try:
            _lock_or_refuse(lock_fd, self._folder)
            os.ftruncate(lock_fd, 0)
            os.pwrite(lock_fd, f"{os.getpid()}\n".encode(), 0)
            self._children_fd = self._acquire_children_lock(leave_alone_s, cancelled)
        except OSError as error:
            os.close(lock_fd)
            raise DataFolderError(f"{self._folder.lock} cannot be written: {error.strerror}") from error
        except BaseException:
            os.close(lock_fd)
            raise
        self._lock_fd = lock_fd

    def sweep(self) -> list[int]:
        """Kill every other holder of the children lock and return their process ids."""
        killed: list[int] = []
        deadline = time.monotonic() + _SWEEP_S
        while (holders := lock_holders(self._folder.children_lock)) and time.monotonic() < deadline:
            killed += [pid for pid in _kill(holders) if pid not in killed]
            time.sleep(0.02)
        return killed

    def release(self) -> None:
        """Let go of both; does nothing when they are not held."""
        for fd in (self._children_fd, self._lock_fd):
            if fd is not None:
                os.close(fd)
        self._children_fd = self._lock_fd = None

    def _acquire_children_lock(self, leave_alone_s: float, cancelled: Cancelled) -> int:
        path = self._folder.children_lock
        fd = _open(path)
        try:
            if wait_until(lambda: _try_lock(fd, path), leave_alone_s, cancelled=cancelled):
                return fd

            def kill_and_try() -> bool:
                _kill(lock_holders(path))
                return _try_lock(fd, path)

            if wait_until(kill_and_try, _GIVE_UP_S - leave_alone_s, cancelled=cancelled):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        raise AlreadyRunningError(
            f"processes of an earlier run still hold {path} after {_GIVE_UP_S:g} s and cannot be ended:"
            f" {lock_holders(path) or 'this user may not see which'}"
        )


def _lock_or_refuse(fd: int, folder: DataFolder) -> None:
    if not _try_lock(fd, folder.lock):
        owner = folder.lock.read_text().strip() or "unknown"
        raise AlreadyRunningError(
            f"Mispair already runs on the data folder {folder.root} (process {owner}):"
            " stop that one, or use another folder"
        )


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataFolderError(f"the lock file {path} cannot be opened: {error.strerror}") from error


def _try_lock(fd: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise DataFolderError(
            f"the file system of {path} has no locks ({error.strerror}): use a local folder"
        ) from error
    return True


def _kill(pids: list[int]) -> list[int]:
    killed = []
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
        killed.append(pid)
    return killed


def _has_open(pid: int, file_name: str, wanted: os.stat_result) -> bool:
    """Compare device and inode, not the path, which differs in another mount namespace."""
    folder = f"/proc/{pid}/fd"
    try:
        descriptors = os.listdir(folder)  # noqa: PTH208 - ten times cheaper than Path objects over all of /proc
    except OSError:
        return False  # It ended, or belongs to another user.
    for descriptor in descriptors:
        link = f"{folder}/{descriptor}"
        try:
            if not os.readlink(link).endswith(file_name):  # noqa: PTH115 - as above
                continue
            status = os.stat(link)  # noqa: PTH116 - as above
        except OSError:
            continue
        if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False
