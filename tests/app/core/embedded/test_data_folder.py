import stat
from pathlib import Path

import pytest

from app.core.embedded.data_folder import prepare_data_folder
from app.core.embedded.errors import DataFolderError


class TestPrepareDataFolder:
    def test_it_is_private_and_has_its_places(self, tmp_path: Path) -> None:
        folder = prepare_data_folder(tmp_path / "a" / "b c")
        assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
        assert all(place.is_dir() for place in (folder.redis, folder.storage, folder.tmp, folder.logs))

    def test_a_relative_one_becomes_absolute(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert prepare_data_folder(Path("here")).root == tmp_path / "here"

    def test_the_mode_of_an_existing_folder_is_the_users_business(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir(mode=0o755)
        prepare_data_folder(tmp_path / "data")
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o755

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "data").touch()
        with pytest.raises(DataFolderError, match="is a file"):
            prepare_data_folder(tmp_path / "data")

    def test_a_place_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(DataFolderError, match="cannot be made"):
            prepare_data_folder(tmp_path / "file" / "data")
