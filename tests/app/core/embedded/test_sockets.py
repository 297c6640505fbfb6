import os
import stat
from pathlib import Path

import pytest

from app.core.embedded.errors import DataFolderError
from app.core.embedded.sockets import LONGEST_SOCKET_PATH_BYTES, remove_short_folder, socket_folder

_LONGEST_INSIDE = LONGEST_SOCKET_PATH_BYTES - len("/sockets/.s.PGSQL.5432.lock")


def _folder_of_length(parent: Path, n_bytes: int) -> Path:
    folder = parent / ("x" * (n_bytes - len(os.fsencode(parent)) - 1))
    folder.mkdir()
    return folder


class TestSocketFolder:
    def test_it_lies_in_the_data_folder_up_to_the_longest_path(self, tmp_path: Path) -> None:
        data = _folder_of_length(tmp_path, _LONGEST_INSIDE)
        assert socket_folder(data, short_parent=tmp_path) == data / "sockets"

    def test_one_byte_more_moves_it_to_the_short_folder(self, tmp_path: Path) -> None:
        data = _folder_of_length(tmp_path, _LONGEST_INSIDE + 1)
        folder = socket_folder(data, short_parent=tmp_path)
        assert folder.parent == tmp_path
        assert folder.name.startswith(f"mispair-{os.geteuid()}-")

    def test_bytes_count_not_characters(self, tmp_path: Path) -> None:
        n_free = _LONGEST_INSIDE - len(os.fsencode(tmp_path)) - 1
        data = tmp_path / ("é" * (n_free // 2 + 1))
        data.mkdir()
        assert socket_folder(data, short_parent=tmp_path).parent == tmp_path

    def test_only_this_user_may_enter(self, tmp_path: Path) -> None:
        assert stat.S_IMODE(socket_folder(tmp_path).stat().st_mode) == 0o700

    def test_two_data_folders_have_two_short_folders(self, tmp_path: Path) -> None:
        one = _folder_of_length(tmp_path, 120)
        other = _folder_of_length(tmp_path, 121)
        assert socket_folder(one, short_parent=tmp_path) != socket_folder(other, short_parent=tmp_path)

    def test_it_is_the_same_the_next_time(self, tmp_path: Path) -> None:
        data = _folder_of_length(tmp_path, 120)
        assert socket_folder(data, short_parent=tmp_path) == socket_folder(data, short_parent=tmp_path)

    def test_a_folder_open_to_others_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "sockets").mkdir()
        (tmp_path / "sockets").chmod(0o755)
        with pytest.raises(DataFolderError, match="must be a folder of user id"):
            socket_folder(tmp_path)

    def test_a_link_put_there_by_somebody_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (tmp_path / "sockets").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(DataFolderError, match="must be a folder of user id"):
            socket_folder(tmp_path)


class TestRemoveShortFolder:
    def test_an_empty_one_goes(self, tmp_path: Path) -> None:
        data = _folder_of_length(tmp_path, 120)
        folder = socket_folder(data, short_parent=tmp_path)
        remove_short_folder(folder, data)
        assert not folder.exists()

    def test_one_that_is_in_use_stays(self, tmp_path: Path) -> None:
        data = _folder_of_length(tmp_path, 120)
        folder = socket_folder(data, short_parent=tmp_path)
        (folder / "redis.sock").touch()
        remove_short_folder(folder, data)
        assert folder.exists()

    def test_the_one_inside_the_data_folder_stays(self, tmp_path: Path) -> None:
        folder = socket_folder(tmp_path)
        remove_short_folder(folder, tmp_path)
        assert folder.exists()
