import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from crcl_core.data import Vocabulary
from crcl_core.models import EmbeddingModel, MatchingHeads, ModelKind, ModelSpec, build_heads, build_model
from crcl_core.seeding import generator
from crcl_core.training import TrainingConfig, load_model, save_model
from crcl_core.training.config import CODE_VERSION
from crcl_core.types import CheckpointError

SPEC = ModelSpec(kind=ModelKind.HEADS, image_dim=6, caption_dim=6, joint_dim=4, dropout=0.3)


def _heads(*, has_joint_space: bool = False) -> MatchingHeads:
    return build_heads(6, 6, 4, dropout=0.3, has_joint_space=has_joint_space, generator=generator(1, "test"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of saved heads."""
    save_model(tmp_path / "model.safetensors", _heads(), SPEC)
    return tmp_path / "model.safetensors"


class TestRoundTrip:
    @pytest.mark.parametrize("has_joint_space", [False, True])
    def test_weights_and_shape_come_back_to_the_bit(self, *, has_joint_space: bool, tmp_path: Path) -> None:
        heads, spec = _heads(has_joint_space=has_joint_space), replace(SPEC, has_joint_space=has_joint_space)
        save_model(tmp_path / "model.safetensors", heads, spec)
        loaded = load_model(tmp_path / "model.safetensors")
        assert (loaded.spec, loaded.vocabulary) == (spec, None)
        expected, found = heads.state_dict(), loaded.model.state_dict()
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_a_query_is_embedded_to_the_same_bits(self, path: Path) -> None:
        rows = torch.randn(5, 6, generator=generator(2, "rows"))
        assert torch.equal(load_model(path).embedding_model.embed_captions(rows), _heads().eval().embed_captions(rows))

    def test_the_file_says_how_the_heads_were_trained(self, tmp_path: Path) -> None:
        save_model(tmp_path / "model.safetensors", _heads(), SPEC, config=TrainingConfig(seed=7))
        with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
            metadata = file.metadata()
        assert TrainingConfig(**json.loads(metadata["config"])) == TrainingConfig(seed=7)
        assert (metadata["seed"], metadata["code_version"]) == ("7", CODE_VERSION)

    def test_loaded_heads_drop_nothing(self, path: Path) -> None:
        assert not load_model(path).model.training


class TestWords:
    def test_the_vocabulary_comes_back(self, tmp_path: Path) -> None:
        vocabulary = Vocabulary(["a", "dog", "runs"])
        spec = ModelSpec(
            kind=ModelKind.VSE_INFTY, image_dim=5, vocabulary_size=len(vocabulary), joint_dim=8, word_dim=6
        )
        model = build_model(spec, seed=1).eval()
        save_model(tmp_path / "model.safetensors", model, spec, vocabulary=vocabulary)
        loaded = load_model(tmp_path / "model.safetensors")
        assert loaded.vocabulary is not None
        ids = torch.from_numpy(loaded.vocabulary.encode(["A dog!", "a cat runs"])).long()
        assert isinstance(model, EmbeddingModel)
        assert torch.equal(loaded.embedding_model.embed_captions(ids), model.embed_captions(ids))

    def test_a_vocabulary_of_another_size_is_refused(self, tmp_path: Path) -> None:
        spec = ModelSpec(kind=ModelKind.VSE_INFTY, image_dim=5, vocabulary_size=9, joint_dim=8, word_dim=6)
        with pytest.raises(ValueError, match="the vocabulary has 5 ids, model 'vse_infty' reads 9"):
            save_model(tmp_path / "model.safetensors", build_model(spec), spec, vocabulary=Vocabulary(["a"]))

    def test_heads_take_no_vocabulary(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="the vocabulary has 5 ids, model 'heads' reads None"):
            save_model(tmp_path / "model.safetensors", _heads(), SPEC, vocabulary=Vocabulary(["a"]))


class TestRefusals:
    def test_a_pickle_is_refused_and_runs_no_code(self, tmp_path: Path) -> None:
        class Bomb:
            def __reduce__(self) -> tuple[Any, ...]:  # Any: what pickle asks for.
                return (Path.touch, (tmp_path / "exploded",))

        (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(CheckpointError, match="cannot be read as a trained model"):
            load_model(tmp_path / "model.safetensors")
        assert not (tmp_path / "exploded").exists()

    def test_a_file_of_torch_save_is_refused(self, tmp_path: Path) -> None:
        torch.save(_heads().state_dict(), tmp_path / "model.safetensors")
        with pytest.raises(CheckpointError, match="cannot be read as a trained model"):
            load_model(tmp_path / "model.safetensors")

    @pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.99])
    def test_a_truncated_file_is_refused(self, path: Path, kept: float) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(kept * len(content))])
        with pytest.raises(CheckpointError, match="cannot be read as a trained model"):
            load_model(path)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"absent\.safetensors"):
            load_model(tmp_path / "absent.safetensors")

    def test_another_format_version_is_named(self, tmp_path: Path) -> None:
        save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors", metadata={"format_version": "9"})
        with pytest.raises(CheckpointError, match="format version '9', expected '2'"):
            load_model(tmp_path / "model.safetensors")

    def test_any_other_safetensors_file_is_refused(self, tmp_path: Path) -> None:
        save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors")
        with pytest.raises(CheckpointError, match="format version None"):
            load_model(tmp_path / "model.safetensors")

    @pytest.mark.parametrize(
        "spec",
        [
            "[1, 2]",
            "not json",
            "{}",
            json.dumps({**SPEC.to_json(), "joint_dim": 5}),
            json.dumps({**SPEC.to_json(), "joint_dim": "4"}),
            json.dumps({**SPEC.to_json(), "kind": "oracle"}),
            json.dumps({**SPEC.to_json(), "vocabulary_size": 9}),
        ],
    )
    def test_a_spec_that_is_none_or_not_that_of_the_weights_is_refused(self, spec: str, tmp_path: Path) -> None:
        weights = {name: value.contiguous() for name, value in _heads().state_dict().items()}
        save_file(weights, tmp_path / "model.safetensors", metadata={"format_version": "2", "spec": spec})
        with pytest.raises(CheckpointError, match="cannot be read as a trained model"):
            load_model(tmp_path / "model.safetensors")
