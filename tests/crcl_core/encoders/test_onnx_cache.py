"""Tests of the cache of exported networks."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crcl_core.encoders.onnx_cache import cached_export
from crcl_core.types import EncoderError


class _Exporter:
    """Writes fixed bytes and counts how often."""

    def __init__(self, content: bytes = b"network") -> None:
        self.content = content
        self.n_calls = 0

    def __call__(self, path: Path) -> None:
        self.n_calls += 1
        path.write_bytes(self.content)


class TestCachedExport:
    def test_exports_once(self, tmp_path: Path) -> None:
        export = _Exporter()

        first = cached_export(tmp_path / "new" / "folder", "images-1", export)
        second = cached_export(tmp_path / "new" / "folder", "images-1", export)

        assert first == second
        assert first.read_bytes() == b"network"
        assert export.n_calls == 1

    def test_another_fingerprint_is_another_file(self, tmp_path: Path) -> None:
        first = cached_export(tmp_path, "images-1", _Exporter())
        second = cached_export(tmp_path, "images-2", _Exporter())

        assert first != second

    def test_a_damaged_file_is_made_anew(self, tmp_path: Path) -> None:
        path = cached_export(tmp_path, "images-1", _Exporter())
        path.write_bytes(path.read_bytes()[:3])

        again = cached_export(tmp_path, "images-1", _Exporter())

        assert again.read_bytes() == b"network"

    def test_a_failed_export_leaves_no_file(self, tmp_path: Path) -> None:
        def export(path: Path) -> None:
            path.write_bytes(b"half")
            raise EncoderError("it differs from PyTorch")

        with pytest.raises(EncoderError, match="differs"):
            cached_export(tmp_path, "images-1", export)

        assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]

    def test_two_at_once_export_once(self, tmp_path: Path) -> None:
        inside = threading.Event()
        release = threading.Event()
        calls: list[Path] = []

        def export(path: Path) -> None:
            calls.append(path)
            inside.set()
            assert release.wait(timeout=5)
            path.write_bytes(b"network")

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(cached_export, tmp_path, "images-1", export)
            assert inside.wait(timeout=5)
            second = pool.submit(cached_export, tmp_path, "images-1", export)
            release.set()

        assert first.result() == second.result()
        assert len(calls) == 1

    def test_a_folder_that_cannot_be_one_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")

        with pytest.raises(EncoderError, match=r"encoder cache .*file"):
            cached_export(tmp_path / "file", "images-1", _Exporter())
