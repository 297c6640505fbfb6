import csv
import re
import zipfile
from pathlib import Path

import pytest
import torch

from crcl_core.synthetic import render_corpus, write_archive

_PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCKS = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
_N_IMAGES = 160


@pytest.fixture
def desk(tmp_path: Path, offline_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a folder of photos in it, and the encoder already exported."""
    write_archive(render_corpus(_N_IMAGES, seed=0, edge_px=64), tmp_path / "corpus.zip", has_ids=False)
    with zipfile.ZipFile(tmp_path / "corpus.zip") as archive:
        archive.extractall(tmp_path / "photos")
    (tmp_path / ".crcl-cache").symlink_to(offline_cache)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestTutorial:
    def test_its_first_program_has_15_lines(self) -> None:
        # Blank lines aside, which the formatter puts in.
        assert sum(bool(line.strip()) for line in _BLOCKS[0].splitlines()) == 15

    def test_its_programs_run_as_they_stand(self, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        n_threads = torch.get_num_threads()
        names: dict[str, object] = {}
        for block in _BLOCKS:
            exec(compile(block, str(_PAGE), "exec"), names)  # noqa: S102  # the page is ours, and running it is the test
        assert torch.get_num_threads() == n_threads
        with (desk / "photos" / "clean.csv").open(newline="", encoding="utf-8") as file:
            kept = list(csv.DictReader(file))
        with (desk / "photos" / "captions.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert 0 < len(kept) <= len(rows)
        assert all(row in rows for row in kept)
        assert "AUROC" in capsys.readouterr().out
