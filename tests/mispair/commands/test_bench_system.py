"""A benchmark whose process is killed in the middle."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crcl_core.data.precomp import write_generated_precomp

pytestmark = pytest.mark.system
_LONGEST_S = 60


def _command(data: Path, out: Path) -> list[str]:
    settings = ("joint_dim=16", "word_dim=8", "batch_size=32", "round_epochs=[4,4,4]", "warmup_epochs=1")
    return [
        *(sys.executable, "-m", "mispair", "bench", "paper", "--data", str(data), "--dataset", "f30k"),
        *("--model", "vse_infty", "--noise", "0.4", "--out", str(out), "--threads", "1"),
        *(argument for setting in settings for argument in ("--set", setting)),
    ]


def _result(command: list[str]) -> dict[str, object]:
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])
    return {name: value for name, value in result.items() if name not in {"seconds", "out"}}


def test_a_killed_run_goes_on_and_ends_in_the_same_figures(tmp_path: Path) -> None:
    write_generated_precomp(tmp_path / "f30k_precomp", n_images={"train": 60, "test": 10})
    checkpoints = tmp_path / "killed" / "vse_infty" / "checkpoints"
    process = subprocess.Popen(
        _command(tmp_path, tmp_path / "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + _LONGEST_S
    while not (checkpoints / "epoch-000003.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -9
    done = max(int(path.stem.removeprefix("epoch-")) for path in checkpoints.glob("epoch-*.safetensors"))
    assert 3 <= done < 15
    killed, whole = (_result(_command(tmp_path, tmp_path / name)) for name in ("killed", "whole"))
    assert killed == whole
    labels = [(tmp_path / name / "vse_infty" / "labels.npy").read_bytes() for name in ("killed", "whole")]
    assert labels[0] == labels[1]
