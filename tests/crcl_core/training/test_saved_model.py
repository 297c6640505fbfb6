import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from crcl_core.models import MatchingHeads, build_heads
from crcl_core.seeding import generator
from crcl_core.training import TrainingConfig, load_heads, save_heads
from crcl_core.training.config import CODE_VERSION
from crcl_core.types import CheckpointError

SHAPE = {"image_dim": 6, "caption_dim": 6, "joint_dim": 4, "dropout": 0.3, "has_joint_space": False}


def _heads(*, has_joint_space: bool = False) -> MatchingHeads:
    return build_heads(6, 6, 4, dropout=0.3, has_joint_space=has_joint_space, generator=generator(1, "test"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of saved heads."""
    save_heads(_heads(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


class TestRoundTrip:
    @pytest.mark.parametrize("has_joint_space", [False, True])
    def test_weights_and_shape_come_back_to_the_bit(self, *, has_joint_space: bool, tmp_path: Path) -> None:
        heads = _heads(has_joint_space=has_joint_space)
        save_heads(heads, tmp_path / "model.safetensors")
        loaded = load_heads(tmp_path / "model.safetensors")
        assert {name: getattr(loaded, name) for name in SHAPE} == {**SHAPE, "has_joint_space": has_joint_space}
        expected, found = heads.state_dict(), loaded.state_dict()
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_a_query_is_embedded_to_the_same_bits(self, path: Path) -> None:
        rows = torch.randn(5, 6, generator=generator(2, "rows"))
        assert torch.equal(load_heads(path).embed_captions(rows), _heads().eval().embed_captions(rows))

    def test_the_file_says_how_the_heads_were_trained(self, tmp_path: Path) -> None:
        save_heads(_heads(), tmp_path / "model.safetensors", config=TrainingConfig(seed=7))
        with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
            metadata = file.metadata()
        assert TrainingConfig(**json.loads(metadata["config"])) == TrainingConfig(seed=7)
        assert (metadata["seed"], metadata["code_version"]) == ("7", CODE_VERSION)

    def test_loaded_heads_drop_nothing(self, path: Path) -> None:
        assert not load_heads(path).training


class TestRefusals:
    def test_a_pickle_is_refused_and_runs_no_code(self, tmp_path: Path) -> None:
        class Bomb:
            def __reduce__(self) -> tuple[Any, ...]:  # Any: what pickle asks for.
                return (Path.touch, (tmp_path / "exploded",))

        (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(CheckpointError, match="cannot be read as trained heads"):
            load_heads(tmp_path / "model.safetensors")
        assert not (tmp_path / "exploded").exists()

    def test_a_file_of_torch_save_is_refused(self, tmp_path: Path) -> None:
        torch.save(_heads().state_dict(), tmp_path / "model.safetensors")
        with pytest.raises(CheckpointError, match="cannot be read as trained heads"):
            load_heads(tmp_path / "model.safetensors")

    @pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.99])
    def test_a_truncated_file_is_refused(self, path: Path, kept: float) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(kept * len(content))])
        with pytest.raises(CheckpointError, match="cannot be read as trained heads"):
            load_heads(path)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"absent\.safetensors"):
            load_heads(tmp_path / "absent.safetensors")

    def test_another_format_version_is_named(self, tmp_path: Path) -> None:
        save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors", metadata={"format_version": "9"})
        with pytest.raises(CheckpointError, match="format version '9', expected '1'"):
            load_heads(tmp_path / "model.safetensors")

    def test_any_other_safetensors_file_is_refused(self, tmp_path: Path) -> None:
        save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors")
        with pytest.raises(CheckpointError, match="format version None"):
            load_heads(tmp_path / "model.safetensors")

    @pytest.mark.parametrize(
        "shape",
        ["[1, 2]", "not json", "{}", json.dumps({**SHAPE, "joint_dim": 5}), json.dumps({**SHAPE, "joint_dim": "4"})],
    )
    def test_a_shape_that_is_none_or_not_that_of_the_weights_is_refused(self, shape: str, tmp_path: Path) -> None:
        weights = {name: value.contiguous() for name, value in _heads().state_dict().items()}
        save_file(weights, tmp_path / "model.safetensors", metadata={"format_version": "1", "shape": shape})
        with pytest.raises(CheckpointError, match="cannot be read as trained heads"):
            load_heads(tmp_path / "model.safetensors")
