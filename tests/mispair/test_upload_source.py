import hashlib
import os
from pathlib import Path

import pytest

from mispair.errors import SourceError
from mispair.upload_source import open_source, source_sha256


class TestFileSource:
    def test_it_is_read_from_any_byte(self, archive: Path) -> None:
        source = open_source(archive)
        data = archive.read_bytes()
        assert (source.name, source.n_bytes) == (archive.name, len(data))
        assert b"".join(source.read(2_000_000)) == data[2_000_000:]

    def test_its_hash_is_that_of_the_file(self, archive: Path) -> None:
        assert source_sha256(open_source(archive)) == hashlib.sha256(archive.read_bytes()).hexdigest()

    def test_a_changed_file_is_refused(self, archive: Path) -> None:
        source = open_source(archive)
        os.utime(archive, (1, 1))
        with pytest.raises(SourceError, match="was changed"):
            next(source.read(0))

    def test_its_fingerprint_tells_other_content(self, archive: Path) -> None:
        before = open_source(archive).fingerprint()
        assert open_source(archive).fingerprint() == before
        times = archive.stat().st_atime_ns, archive.stat().st_mtime_ns
        with archive.open("r+b") as file:
            file.write(b"PK\x05\x06")
        os.utime(archive, ns=times)
        assert open_source(archive).fingerprint() != before


class TestFolderSource:
    def test_a_folder_is_a_tar_of_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "birds").mkdir()
        (tmp_path / "birds" / "captions.csv").write_text("image,caption\n")
        source = open_source(tmp_path / "birds")
        assert source.name == "birds.tar"
        assert len(b"".join(source.read(0))) == source.n_bytes
