"""The process that computes, as a function."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def said(stage: str, spec: dict[str, object], tmp_path: Path) -> tuple[int, list[dict[str, object]], str]:
    """Exit status, messages and log of a stage."""
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec))
    done = subprocess.run(
        [sys.executable, "-m", "worker.trainer", stage, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error::UserWarning"},
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_an_encoder_that_is_not_registered_is_told_as_an_error(tmp_path: Path) -> None:
    spec = {"encoder": "x", "encoders": {"toy": "toy"}, "cache": str(tmp_path), "device": "cpu", "n_threads": 1}
    status, messages, _ = said("features", spec, tmp_path)
    assert status == 0
    assert [(message["kind"], message["code"]) for message in messages] == [("error", "encoder_unavailable")]


def test_a_fault_of_ours_leaves_a_traceback_in_the_log_and_no_message(tmp_path: Path) -> None:
    status, messages, log = said("features", {}, tmp_path)
    assert (status, messages) == (1, [])
    assert "KeyError" in log


def test_an_unknown_stage(tmp_path: Path) -> None:
    status, messages, log = said("dream", {}, tmp_path)
    assert (status, messages) == (1, [])
    assert "dream" in log


@pytest.mark.parametrize("known", [[], ["all"]])
def test_features_that_are_known_are_not_made_again(known: list[str], tmp_path: Path) -> None:
    from crcl_core.encoders.toy import ToyEncoder

    spec = {
        "encoder": "toy",
        "encoders": {"toy": "toy"},
        "cache": str(tmp_path),
        "device": "cpu",
        "n_threads": 1,
        "known": [ToyEncoder().fingerprint] if known else [],
    }
    status, messages, _ = said("features", spec, tmp_path)
    # Without the inputs it can only do nothing, or fail.
    assert (status == 0) == bool(known)
    assert [message["is_known"] for message in messages] == ([True] if known else [])
