"""`mispair check` on real archives; it needs no server."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mispair.cli import app
from mispair.commands.check import WARNED
from mispair.errors import JobFailedError
from tests.worker.archives import small_corpus, zip_file


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return zip_file(tmp_path / "corpus.zip", small_corpus())


class TestCheck:
    def test_it_tells_what_an_import_would_find(self, archive: Path) -> None:
        result = CliRunner().invoke(app, ["check", str(archive)])
        assert result.exit_code == 0
        assert "format table (recognised: captions.csv has" in result.stdout
        assert "4 rows, 4 with their image (100.0%); 3 images" in result.stdout

    def test_as_json(self, archive: Path) -> None:
        told = json.loads(CliRunner().invoke(app, ["check", str(archive), "--json"]).stdout)
        assert (told["n_rows"], told["needs_confirmation"]) == (4, False)

    def test_warnings_have_an_exit_code_of_their_own(self, tmp_path: Path) -> None:
        lost = small_corpus() | {"captions.csv": b"image,caption\ngone.png,x\n"}
        result = CliRunner().invoke(app, ["check", str(zip_file(tmp_path / "a.zip", lost))])
        assert result.exit_code == WARNED
        assert "missing_image: captions.csv row 1 (byte 14)" in result.stdout
        assert "(low_join_rate)" in result.stdout

    def test_what_an_import_would_refuse(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["check", str(zip_file(tmp_path / "a.zip", {"notes.md": b"x"}))])
        assert isinstance(result.exception, JobFailedError)
        assert result.exception.code == "no_manifest"

    def test_a_format_that_nobody_knows(self, archive: Path) -> None:
        result = CliRunner().invoke(app, ["check", str(archive), "--corpus-format", "cocoa"])
        assert result.exit_code == 2
