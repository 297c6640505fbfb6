import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.embedded.data_folder import DataFolder, prepare_data_folder
from app.core.embedded.errors import AlreadyRunningError, EmbeddedError, StoppedEarlyError
from app.core.embedded.locks import FolderLocks, lock_holders

_SLEEP = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return prepare_data_folder(tmp_path / "data")


@pytest.fixture
def leftover(folder: DataFolder) -> Iterator[subprocess.Popen[bytes]]:
    """A process of an earlier run that outlived its supervisor and still holds the children lock."""
    earlier = FolderLocks(folder)
    earlier.acquire()
    with subprocess.Popen(_SLEEP, pass_fds=(earlier.children_fd,)) as process:
        earlier.release()
        yield process
        process.kill()


class TestFolderLocks:
    def test_a_second_holder_is_refused_with_folder_and_process(self, folder: DataFolder) -> None:
        first = FolderLocks(folder)
        first.acquire()
        with pytest.raises(AlreadyRunningError, match=rf"{folder.root} \(process {os.getpid()}\)"):
            FolderLocks(folder).acquire()
        first.release()

    def test_it_can_be_taken_again_after_release(self, folder: DataFolder) -> None:
        locks = FolderLocks(folder)
        for _ in range(2):
            locks.acquire()
            locks.release()

    def test_releasing_twice_is_the_same_as_once(self, folder: DataFolder) -> None:
        locks = FolderLocks(folder)
        locks.acquire()
        locks.release()
        locks.release()

    def test_the_descriptor_exists_only_while_held(self, folder: DataFolder) -> None:
        with pytest.raises(EmbeddedError, match="not held"):
            _ = FolderLocks(folder).children_fd

    def test_a_leftover_that_ends_by_itself_is_waited_for(
        self, folder: DataFolder, leftover: subprocess.Popen[bytes]
    ) -> None:
        waits = iter(range(1000))

        def end_it_soon() -> bool:
            if next(waits) == 3:
                leftover.terminate()
            return False

        locks = FolderLocks(folder)
        locks.acquire(cancelled=end_it_soon)
        locks.release()
        assert leftover.wait(1) == -15

    def test_a_leftover_that_stays_is_killed(self, folder: DataFolder, leftover: subprocess.Popen[bytes]) -> None:
        locks = FolderLocks(folder)
        locks.acquire(leave_alone_s=0.05)
        locks.release()
        assert leftover.wait(1) == -9

    def test_a_wait_for_leftovers_can_be_cancelled(self, folder: DataFolder, leftover: subprocess.Popen[bytes]) -> None:
        with pytest.raises(StoppedEarlyError):
            FolderLocks(folder).acquire(cancelled=lambda: True)
        assert leftover.poll() is None

    def test_after_a_cancelled_wait_the_folder_is_free(
        self, folder: DataFolder, leftover: subprocess.Popen[bytes]
    ) -> None:
        with pytest.raises(StoppedEarlyError):
            FolderLocks(folder).acquire(cancelled=lambda: True)
        leftover.kill()
        leftover.wait()
        again = FolderLocks(folder)
        again.acquire()
        again.release()

    def test_a_sweep_kills_exactly_the_other_holders(self, folder: DataFolder) -> None:
        locks = FolderLocks(folder)
        locks.acquire()
        with (
            subprocess.Popen(_SLEEP, pass_fds=(locks.children_fd,)) as ours,
            subprocess.Popen(_SLEEP) as not_ours,
        ):
            assert locks.sweep() == [ours.pid]
            assert ours.wait(1) == -9
            assert not_ours.poll() is None
            not_ours.kill()
        locks.release()


class TestLockHolders:
    def test_a_file_that_is_not_there_has_none(self, tmp_path: Path) -> None:
        assert lock_holders(tmp_path / "children.lock") == []

    def test_this_process_does_not_count(self, folder: DataFolder) -> None:
        locks = FolderLocks(folder)
        locks.acquire()
        assert lock_holders(folder.children_lock) == []
        locks.release()

    def test_a_file_of_the_same_name_elsewhere_does_not_count(self, folder: DataFolder, tmp_path: Path) -> None:
        other = tmp_path / "children.lock"
        folder.children_lock.touch()
        with other.open("w") as opened, subprocess.Popen(_SLEEP, pass_fds=(opened.fileno(),)) as process:
            assert lock_holders(other) == [process.pid]
            assert lock_holders(folder.children_lock) == []
            process.kill()
