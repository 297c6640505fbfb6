import os
from pathlib import Path

import pytest

from app.core.embedded.account import ServerAccount, own_account
from app.core.embedded.errors import DataFolderError
from app.core.embedded.postgres import check_cluster, remove_stale_pid_file


def _cluster(folder: Path, version: str = "18") -> Path:
    folder.mkdir()
    (folder / "PG_VERSION").write_text(f"{version}\n")
    return folder


class TestCheckCluster:
    def test_one_of_this_version_and_user_is_fine(self, tmp_path: Path) -> None:
        check_cluster(_cluster(tmp_path / "pg"), own_account())

    def test_another_version_is_named_with_the_way_out(self, tmp_path: Path) -> None:
        with pytest.raises(
            DataFolderError, match=r"made by PostgreSQL 16, and this Mispair runs PostgreSQL 18.*pg_dump"
        ):
            check_cluster(_cluster(tmp_path / "pg", "16"), own_account())

    def test_a_folder_that_is_no_cluster_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataFolderError, match="no PG_VERSION"):
            check_cluster(tmp_path, own_account())

    def test_another_owner_is_named(self, tmp_path: Path) -> None:
        stranger = ServerAccount(os.geteuid() + 1, os.getegid())
        with pytest.raises(DataFolderError, match=f"belongs to user id {os.geteuid()}"):
            check_cluster(_cluster(tmp_path / "pg"), stranger)


class TestRemoveStalePidFile:
    def test_no_file_is_fine(self, tmp_path: Path) -> None:
        remove_stale_pid_file(tmp_path)

    def test_the_number_of_a_living_stranger_is_stale(self, tmp_path: Path) -> None:
        (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
        remove_stale_pid_file(tmp_path)
        assert not (tmp_path / "postmaster.pid").exists()

    def test_a_file_that_a_full_disk_cut_short_is_stale(self, tmp_path: Path) -> None:
        (tmp_path / "postmaster.pid").write_text("\n")
        remove_stale_pid_file(tmp_path)
        assert not (tmp_path / "postmaster.pid").exists()
