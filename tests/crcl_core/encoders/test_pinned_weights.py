"""Tests of the pinned files."""

import sys
from pathlib import Path

import pytest

from crcl_core.encoders import pinned_weights
from crcl_core.encoders.pinned_weights import PinnedFile
from crcl_core.types import EncoderError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that holds one file and may not be imported."""
    folder = tmp_path / "weights_for_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('this package must be located, not imported')\n")
    (folder / "model.bin").write_bytes(b"abc")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class TestPinnedFile:
    def test_finds_the_file_without_importing_its_package(self, package: Path) -> None:
        path = PinnedFile("weights_for_test", "model.bin", SHA256_OF_ABC).verified_path()

        assert path == package / "model.bin"
        assert "weights_for_test" not in sys.modules

    def test_refuses_another_content_and_names_both_hashes(self, package: Path) -> None:
        (package / "model.bin").write_bytes(b"abd")

        with pytest.raises(
            EncoderError, match=rf"weights_for_test/model.bin: SHA-256 is a52d.*expected {SHA256_OF_ABC}"
        ):
            PinnedFile("weights_for_test", "model.bin", SHA256_OF_ABC).verified_path()

    @pytest.mark.usefixtures("package")
    def test_says_when_the_file_is_missing(self) -> None:
        with pytest.raises(EncoderError, match=r"weights_for_test holds no file other\.bin"):
            PinnedFile("weights_for_test", "other.bin", SHA256_OF_ABC).verified_path()

    def test_says_when_the_package_is_missing(self) -> None:
        with pytest.raises(EncoderError, match="no_such_package is not installed"):
            PinnedFile("no_such_package", "model.bin", SHA256_OF_ABC).verified_path()

    @pytest.mark.parametrize("name", ["IMAGE_WEIGHTS", "CAPTION_WEIGHTS", "CAPTION_CONFIG", "CAPTION_TOKENIZER"])
    def test_the_installed_files_are_the_pinned_ones(self, name: str) -> None:
        pinned: PinnedFile = getattr(pinned_weights, name)

        assert pinned.verified_path().is_file()
