"""The archives that CPython's own tests of zip and tar open: nobody here wrote them."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.hostile.outcomes import outcome
from worker.pipeline.importing.refusal import RefusalCode
from worker.sandbox.normalising import normalise_image

_CODES = {code.value for code in RefusalCode}


@pytest.mark.system  # needs a Python that comes with its `test` package
def test_each_is_refused_by_a_code_and_none_is_written(tmp_path: Path) -> None:
    archives, folder = tmp_path / "archives", tmp_path / "here"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "tests.hostile.cpython_archives", str(archives)], check=True)
    normalise = partial(normalise_image, max_pixels=1_000_000)
    refusals = {path.name: outcome(path.read_bytes(), normalise, folder).refusal for path in archives.iterdir()}
    assert len(refusals) > 100
    # None holds a table of captions.
    assert {name: code for name, code in refusals.items() if code not in _CODES} == {}
    assert {path.name for path in folder.iterdir()} <= {"upload", "storage", "scratch"}
