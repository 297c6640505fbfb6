"""Local folders of claimed jobs."""

import subprocess
import sys
from pathlib import Path

import pytest

from worker.work_folders import sweep_work_folders, work_folder


def test_a_folder_is_empty_at_first_and_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "job-1").mkdir()
    (tmp_path / "job-1" / "old").write_bytes(b"x")
    with work_folder(tmp_path, "job-1") as folder:
        assert not list(folder.iterdir())
        (folder / "file").write_bytes(b"x")
    assert not list(tmp_path.iterdir())


def test_it_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(KeyError), work_folder(tmp_path, "job-1"):
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_not_swept(tmp_path: Path) -> None:
    with work_folder(tmp_path, "job-1") as folder:
        assert sweep_work_folders(tmp_path) == 0
        assert folder.is_dir()


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from worker.work_folders import work_folder\n"
        "with work_folder(Path(sys.argv[1]), 'job-1') as folder:\n"
        "    (folder / 'file').write_bytes(b'x'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert (tmp_path / "job-1" / "file").is_file()
    assert sweep_work_folders(tmp_path) == 1
    assert not list(tmp_path.iterdir())


def test_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep_work_folders(tmp_path / "absent") == 0
