from pathlib import Path

import pytest
import torch

from crcl_core.training import CheckpointStore, TrainingConfig, training_identity
from crcl_core.training.state import Snapshot
from crcl_core.types import CheckpointError
from tests.crcl_core.training.corpora import SMALL, corpus


def _snapshot(n_done: int) -> Snapshot:
    return Snapshot({"values": torch.full((3,), float(n_done))}, {"n_done": n_done, "text": "ü"})


def _store(folder: Path, identity: str = "this") -> CheckpointStore:
    return CheckpointStore(folder, identity, TrainingConfig())


class TestCheckpointStore:
    def test_reads_back_what_it_wrote(self, tmp_path: Path) -> None:
        _store(tmp_path / "made").save(_snapshot(1))
        loaded = _store(tmp_path / "made").load_newest()
        assert loaded is not None
        assert loaded.facts == {"n_done": 1, "text": "ü"}
        assert loaded.tensors["values"].tolist() == [1.0, 1.0, 1.0]

    def test_an_empty_folder_has_none(self, tmp_path: Path) -> None:
        assert _store(tmp_path).load_newest() is None

    def test_keeps_the_newest_two(self, tmp_path: Path) -> None:
        for n_done in (8, 9, 10, 11):
            _store(tmp_path).save(_snapshot(n_done))
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "epoch-000010.safetensors",
            "epoch-000010.safetensors.sha256",
            "epoch-000011.safetensors",
            "epoch-000011.safetensors.sha256",
        ]

    def test_a_file_half_written_is_no_checkpoint(self, tmp_path: Path) -> None:
        _store(tmp_path).save(_snapshot(1))
        (tmp_path / "epoch-000002.part").write_bytes(b"half")
        (tmp_path / "epoch-000002.safetensors.sha256").write_text("digest")
        assert _n_done(tmp_path) == 1


class TestDamage:
    @pytest.mark.parametrize("kind", ["flipped", "truncated", "emptied", "without digest", "strange digest"])
    def test_of_the_newest_falls_back_to_the_one_before(self, tmp_path: Path, kind: str) -> None:
        for n_done in (1, 2):
            newest = _store(tmp_path).save(_snapshot(n_done))
        _damage(newest, kind)
        assert _n_done(tmp_path) == 1

    def test_is_repaired_by_the_next_save(self, tmp_path: Path) -> None:
        for n_done in (1, 2):
            newest = _store(tmp_path).save(_snapshot(n_done))
        _damage(newest, "flipped")
        _store(tmp_path).save(_snapshot(2))
        assert _n_done(tmp_path) == 2

    def test_of_all_is_an_error(self, tmp_path: Path) -> None:
        for n_done in (1, 2):
            _damage(_store(tmp_path).save(_snapshot(n_done)), "truncated")
        with pytest.raises(CheckpointError, match="none of 2 checkpoints is what was written"):
            _store(tmp_path).load_newest()


class TestAnotherTraining:
    def test_is_refused(self, tmp_path: Path) -> None:
        _store(tmp_path, "that").save(_snapshot(1))
        with pytest.raises(CheckpointError, match="belongs to another training"):
            _store(tmp_path, "this").load_newest()


class TestTrainingIdentity:
    def test_follows_settings_features_and_joint_space(self) -> None:
        features, other = corpus(20)[0], corpus(21)[0]
        same = [training_identity(SMALL, features, has_joint_space=False) for _ in range(2)]
        assert same[0] == same[1]
        others = {
            training_identity(TrainingConfig(), features, has_joint_space=False),
            training_identity(SMALL, other, has_joint_space=False),
            training_identity(SMALL, features, has_joint_space=True),
        }
        assert len(others | set(same)) == 4


def _n_done(folder: Path) -> int:
    loaded = _store(folder).load_newest()
    assert loaded is not None
    return loaded.n_done


def _damage(path: Path, kind: str) -> None:
    whole = path.read_bytes()
    digest = path.with_name(f"{path.name}.sha256")
    match kind:
        case "flipped":
            path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        case "truncated":
            path.write_bytes(whole[:-1])
        case "emptied":
            path.write_bytes(b"")
        case "without digest":
            digest.unlink()
        case _:
            digest.write_bytes(b"\xff\xfe")
