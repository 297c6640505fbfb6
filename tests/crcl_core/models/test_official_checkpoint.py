import argparse
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from crcl_core.models.official_checkpoint import read_official_checkpoint
from crcl_core.types import CheckpointError
from tests.crcl_core.golden.official_files import official_parts, write_official_checkpoint


class _Hostile:
    """Unpickled without care, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.folder),))


class TestReadOfficialCheckpoint:
    def test_names_the_weights_by_part(self, tmp_path: Path) -> None:
        parts = official_parts("SAF")
        checkpoint = read_official_checkpoint(write_official_checkpoint(tmp_path / "saf.tar", parts))
        assert len(checkpoint.weights) == sum(len(part) for part in parts)
        assert torch.equal(checkpoint.weights["sim_enc.SAF_module.bn.weight"], parts[2]["SAF_module.bn.weight"])

    def test_gives_options_labels_and_epoch(self, tmp_path: Path) -> None:
        path = write_official_checkpoint(tmp_path / "saf.tar", official_parts("SAF"), module_name="SAF", tau=0.05)
        checkpoint = read_official_checkpoint(path)
        assert checkpoint.options == {"module_name": "SAF", "tau": 0.05}
        assert checkpoint.epoch == 29
        assert checkpoint.labels is not None
        np.testing.assert_allclose(checkpoint.labels, np.linspace(0, 1, 6))

    def test_reads_the_older_format(self, tmp_path: Path) -> None:
        content = {"model": official_parts("VSEinfty"), "opt": argparse.Namespace(tau=0.05)}
        torch.save(content, tmp_path / "old.tar", _use_new_zipfile_serialization=False)
        checkpoint = read_official_checkpoint(tmp_path / "old.tar")
        assert checkpoint.weights["img_enc.fc.weight"].shape == (16, 24)
        assert checkpoint.labels is None

    @pytest.mark.parametrize("is_zipped", [True, False])
    def test_refuses_a_file_that_would_run_something_and_does_not_run_it(
        self, tmp_path: Path, *, is_zipped: bool
    ) -> None:
        folder = tmp_path / "made"
        content = {"model": official_parts("VSEinfty"), "opt": _Hostile(folder)}
        torch.save(content, tmp_path / "hostile.tar", _use_new_zipfile_serialization=is_zipped)
        with pytest.raises(CheckpointError, match=r"hostile.tar is refused: .* it names (posix|nt)\.mkdir"):
            read_official_checkpoint(tmp_path / "hostile.tar")
        assert not folder.exists()

    def test_allows_nothing_once_it_has_read(self, tmp_path: Path) -> None:
        read_official_checkpoint(write_official_checkpoint(tmp_path / "saf.tar", official_parts("SAF")))
        assert argparse.Namespace not in torch.serialization.get_safe_globals()

    def test_refuses_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"none.tar cannot be read as a checkpoint"):
            read_official_checkpoint(tmp_path / "none.tar")

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"nothing of the kind", bytes(2000)])
    def test_refuses_what_is_no_checkpoint(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "other.tar"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"other.tar"):
            read_official_checkpoint(path)

    def test_refuses_a_truncated_file(self, tmp_path: Path) -> None:
        path = write_official_checkpoint(tmp_path / "cut.tar", official_parts("SAF"))
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(CheckpointError, match=r"cut.tar"):
            read_official_checkpoint(path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ([torch.ones(2)], "has no entry 'model'"),
            ({"state": {}}, "has no entry 'model'"),
            ({"model": {}}, "'model' is dict, expected a list of 2 or 3 state dicts"),
            ({"model": [{}]}, "'model' is 1 parts, expected a list of 2 or 3 state dicts"),
            ({"model": [{}, 3]}, "txt_enc is int, expected a state dict"),
            ({"model": [{}, {"a": "b"}]}, r"txt_enc.a is str, expected a tensor"),
            ({"model": [{"a": torch.ones(1).expand(10**12)}, {}]}, r"img_enc.a is larger than what the file holds"),
        ],
    )
    def test_refuses_another_layout(self, tmp_path: Path, content: object, message: str) -> None:
        torch.save(content, tmp_path / "other.tar")
        with pytest.raises(CheckpointError, match=message):
            read_official_checkpoint(tmp_path / "other.tar")
