"""Files made to harm: each ends in a version whose rows add up or in a typed refusal, and writes no other file."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

from tests.hostile import (
    HostileArchive,
    corpus_of,
    hostile_images,
    hostile_tables,
    hostile_tars,
    hostile_zips,
)
from tests.hostile.items import MARKER
from tests.hostile.outcomes import Outcome, expected, outcome
from worker.sandbox.image_sandbox import ImageSandbox, SandboxLimits
from worker.sandbox.normalising import ImageRefusedError, normalise_image

_NORMALISE = partial(normalise_image, max_pixels=100_000_000)
_MEMORY_MIB = 200


@pytest.mark.parametrize("made", [hostile_zips, hostile_tars, hostile_tables])
def test_every_archive_ends_as_it_should(
    made: Callable[[], Iterable[HostileArchive]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "one" / "two" / "three"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    found: dict[str, Outcome] = {}
    wanted: dict[str, Outcome] = {}
    for item in made():
        wanted[item.name] = expected(item)
        found[item.name] = outcome(item.data, _NORMALISE, folder)
    assert {name: (got, wanted[name]) for name, got in found.items() if got != wanted[name]} == {}
    assert {path.name for path in folder.iterdir()} <= {"upload", "storage", "scratch"}
    assert [path for path in tmp_path.rglob("*") if MARKER in path.name] == []
    assert [path for path in tmp_path.glob("one/*") if path.name != "two"] == []
    assert list((folder / "scratch").glob("*")) == []
    assert not Path("/tmp", MARKER).exists()


def test_no_archive_takes_more_memory_than_200_mib(tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    archives.mkdir()
    wanted: dict[str, object] = {}
    for number, item in enumerate([*hostile_zips(), *hostile_tars()]):
        (archives / f"{number:03d}").write_bytes(item.data)
        wanted[f"{number:03d}"] = json.loads(json.dumps(asdict(expected(item))))
    # Each thread would otherwise reserve an arena of its own, of 64 MiB, whether it uses it or not.
    environment = os.environ | {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.hostile.bounded_import", str(archives), str(_MEMORY_MIB)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == wanted


class TestImages:
    def test_every_row_gets_the_code_of_its_image(self) -> None:
        images = list(hostile_images())
        with ImageSandbox(SandboxLimits(max_pixels=100_000_000)) as sandbox:
            codes = {image.name: _code(sandbox, image.data) for image in images}
        assert codes == {image.name: image.code for image in images}

    @pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow on metadata of images that can be used
    def test_all_in_one_corpus_they_add_up(self, tmp_path: Path) -> None:
        images = list(hostile_images())
        with ImageSandbox(SandboxLimits(max_pixels=100_000_000)) as sandbox:
            got = outcome(corpus_of(images), sandbox.normalise, tmp_path)
        codes = Counter(image.code for image in images)
        n_accepted = codes.pop(None)
        assert got == Outcome(None, n_accepted, tuple(sorted((code, n) for code, n in codes.items() if code)))


def _code(sandbox: ImageSandbox, data: bytes) -> str | None:
    try:
        sandbox.normalise(data)
    except ImageRefusedError as error:
        return error.code.value
    return None
