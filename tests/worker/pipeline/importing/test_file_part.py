import io
from pathlib import Path

import pytest

from worker.pipeline.importing.file_part import FilePart


class TestFilePart:
    def test_it_reads_no_byte_outside(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"0123456789")
        with path.open("rb") as file, FilePart(file.fileno(), 2, 5) as part:
            assert part.read() == b"23456"
            assert part.read() == b""

    @pytest.mark.parametrize(
        ("offset", "whence", "rest"),
        [(1, io.SEEK_SET, b"3456"), (-2, io.SEEK_END, b"56"), (9, io.SEEK_SET, b""), (-9, io.SEEK_SET, b"23456")],
    )
    def test_it_is_read_in_any_order(self, offset: int, whence: int, rest: bytes, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"0123456789")
        with path.open("rb") as file, FilePart(file.fileno(), 2, 5) as part:
            part.read()
            part.seek(offset, whence)
            assert part.read() == rest
