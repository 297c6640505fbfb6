import io
import os
import tarfile
from pathlib import Path

import pytest

from mispair.errors import SourceError
from mispair.folder_tar import FolderTar

LONG = "a" * 90 + "/" + "b" * 200 + ".jpg"  # longer than a plain header holds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "birds"
    files = {
        "captions.csv": b"image,caption\n",
        "images/b.jpg": b"x" * 512,
        "images/a.jpg": b"y" * 1500,
        "images/Vögel.jpg": b"z",
        "empty.txt": b"",
        LONG: b"long",
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _whole(tar: FolderTar) -> bytes:
    return b"".join(tar.read(0))


class TestFolderTar:
    def test_its_length_is_known_before_it_is_read(self, folder: Path) -> None:
        tar = FolderTar(folder)
        assert len(_whole(tar)) == tar.n_bytes

    def test_it_is_what_tarfile_would_write(self, folder: Path) -> None:
        written = io.BytesIO()
        names = sorted(
            (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()), key=str.encode
        )
        with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = (folder / name).stat().st_size
                archive.addfile(info, io.BytesIO((folder / name).read_bytes()))
        assert _whole(FolderTar(folder)) == written.getvalue()

    def test_times_owners_and_modes_make_no_difference(self, folder: Path) -> None:
        before = _whole(FolderTar(folder))
        os.utime(folder / "captions.csv", (1, 1))
        (folder / "captions.csv").chmod(0o600)
        assert _whole(FolderTar(folder)) == before

    def test_it_can_be_read_from_any_byte(self, folder: Path) -> None:
        tar = FolderTar(folder)
        whole = _whole(tar)
        offsets = [*range(0, tar.n_bytes, 97), *range(510, 515), tar.n_bytes - 1, tar.n_bytes]
        assert all(b"".join(tar.read(offset)) == whole[offset:] for offset in offsets)

    def test_a_link_to_a_file_is_stored_as_the_file(self, folder: Path) -> None:
        (folder / "link.jpg").symlink_to(folder / "images" / "a.jpg")
        with tarfile.open(fileobj=io.BytesIO(_whole(FolderTar(folder)))) as archive:
            member = archive.getmember("link.jpg")
            assert (member.isreg(), member.size) == (True, 1500)

    @pytest.mark.parametrize("kind", ["folder link", "pipe", "nothing"])
    def test_what_cannot_be_stored_is_named(self, folder: Path, tmp_path: Path, kind: str) -> None:
        if kind == "folder link":
            (folder / "odd").symlink_to(tmp_path)
        elif kind == "pipe":
            os.mkfifo(folder / "odd")
        else:
            folder = tmp_path / "odd"
            folder.mkdir()
        with pytest.raises(SourceError, match="odd"):
            FolderTar(folder)

    def test_a_file_that_was_changed_meanwhile_is_named(self, folder: Path) -> None:
        tar = FolderTar(folder)
        (folder / "images" / "a.jpg").write_bytes(b"other")
        with pytest.raises(SourceError, match=r"images/a\.jpg was changed"):
            _whole(tar)


class TestFingerprint:
    def test_it_is_the_same_until_a_file_changes(self, folder: Path) -> None:
        before = FolderTar(folder).fingerprint()
        assert FolderTar(folder).fingerprint() == before
        (folder / "images" / "c.jpg").write_bytes(b"new")
        assert FolderTar(folder).fingerprint() != before
