import re
from pathlib import Path

import pytest

from crcl_core.data import write_generated_precomp

PAGE = Path(__file__).parents[3] / "docs" / "paper.md"


class TestPaperPage:
    def test_its_code_runs_as_it_stands(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_generated_precomp(tmp_path / "DATA" / "f30k_precomp", n_images={"train": 20})
        monkeypatch.chdir(tmp_path)
        (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102  # the page is ours, and running it is the test
        assert (tmp_path / "DATA" / "f30k_0.4.npy").exists()
