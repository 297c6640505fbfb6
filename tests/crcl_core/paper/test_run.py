import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from crcl_core.models.ensemble import SimilarityEnsemble
from crcl_core.paper import PaperDataset, PaperModel, PaperResult, run_paper
from crcl_core.paper.data import PaperData
from crcl_core.paper.training_noise import NoiseProtocol
from crcl_core.training import load_model, similarity_matrix
from crcl_core.types import CheckpointError
from tests.crcl_core.paper.conftest import N_TRAIN_PAIRS
from tests.crcl_core.paper.runs import SeenSteps, tiny_run

# SAF and SGR compare pair by pair, which takes longer.
ONE_EPOCH = {"round_epochs": [1], "warmup_epochs": 0}


def _figures(result: PaperResult) -> object:
    return {**result.to_json(), "seconds": None}


@pytest.fixture(scope="module")
def sgraf(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[PaperResult, Path]:
    out = tmp_path_factory.mktemp("sgraf")
    return run_paper(tiny_run(folder, out, PaperModel.SGRAF, changes=ONE_EPOCH), SeenSteps()), out


class TestRunPaper:
    @pytest.mark.parametrize("model", [PaperModel.VSE_INFTY, PaperModel.HEADS])
    def test_trains_and_measures_a_model(self, folder: Path, tmp_path: Path, model: PaperModel) -> None:
        seen = SeenSteps()
        result = run_paper(tiny_run(folder, tmp_path / "out", model), seen)
        (row,) = result.rows
        assert row.model is model
        assert list(row.retrieval) == ["test"]
        assert row.detection is not None
        assert (result.n_pairs, result.n_held_out) == (N_TRAIN_PAIRS, 0)
        assert {f"training {model.value}, 4 epochs", "scoring test"} <= set(seen.labels)
        assert any(note.startswith("round 2 epoch 2, loss ") for note in seen.notes)
        assert np.load(tmp_path / "out" / model.value / "labels.npy").shape == (N_TRAIN_PAIRS,)

    def test_heads_find_planted_mismatches_and_retrieve_above_chance(self, folder: Path, tmp_path: Path) -> None:
        run = tiny_run(folder, tmp_path, PaperModel.HEADS, changes={"batch_size": 32, "round_epochs": [3, 3]})
        (row,) = run_paper(run, SeenSteps()).rows
        assert row.detection is not None
        assert row.detection.auroc > 0.75
        assert row.detection.average_precision > 0.6  # Chance is 0.4.
        assert row.retrieval["test"].text_to_image_r1 > 15  # Chance is 5.

    def test_sgraf_is_the_ensemble_of_a_saf_and_an_sgr(self, f30k: PaperData, sgraf: tuple[PaperResult, Path]) -> None:
        result, out = sgraf
        assert [row.model for row in result.rows] == [PaperModel.SAF, PaperModel.SGR, PaperModel.SGRAF]
        saved = [load_model(out / kind / "model.safetensors") for kind in ("saf", "sgr")]
        assert saved[0].vocabulary is not None
        test = f30k.test.pair_features(saved[0].vocabulary)
        ensemble = SimilarityEnsemble([each.model for each in saved]).eval()
        similarities = similarity_matrix(ensemble, test.image_features, test.caption_features)
        ranks = np.argsort(-similarities[:, test.caption_index], axis=0, kind="stable")
        is_first = ranks[0] == test.image_index
        assert result.rows[2].retrieval["test"].text_to_image_r1 == pytest.approx(100 * is_first.mean(), abs=2)

    def test_a_model_of_the_ensemble_goes_on_from_its_checkpoints(
        self, folder: Path, sgraf: tuple[PaperResult, Path]
    ) -> None:
        result, out = sgraf
        seen = SeenSteps()
        again = run_paper(tiny_run(folder, out, PaperModel.SAF, changes=ONE_EPOCH), seen)
        assert seen.notes == []
        assert again.rows[0] == result.rows[0]

    def test_an_interrupted_run_ends_in_the_same_figures(self, folder: Path, tmp_path: Path) -> None:
        whole = run_paper(tiny_run(folder, tmp_path / "whole", PaperModel.VSE_INFTY), SeenSteps())
        run = tiny_run(folder, tmp_path / "stopped", PaperModel.VSE_INFTY)
        with pytest.raises(KeyboardInterrupt):
            run_paper(run, SeenSteps(stop_after=2))
        seen = SeenSteps()
        assert _figures(run_paper(run, seen)) == _figures(whole)
        assert len(seen.notes) == 2
        labels = [np.load(tmp_path / name / "vse_infty" / "labels.npy") for name in ("whole", "stopped")]
        np.testing.assert_array_equal(*labels)

    def test_another_training_does_not_go_on_there(self, folder: Path, sgraf: tuple[PaperResult, Path]) -> None:
        run = tiny_run(folder, sgraf[1], PaperModel.SAF, changes={**ONE_EPOCH, "batch_size": 32})
        with pytest.raises(CheckpointError, match="belongs to another training"):
            run_paper(run, SeenSteps())

    def test_its_noise_file_repeats_its_noise(self, folder: Path, tmp_path: Path) -> None:
        first = run_paper(tiny_run(folder, tmp_path / "a", PaperModel.HEADS), SeenSteps())
        noise_index = tmp_path / "a" / "noise_index.npy"
        second = run_paper(tiny_run(folder, tmp_path / "b", PaperModel.HEADS, noise_index=noise_index), SeenSteps())
        assert second.noise_seed is None
        assert second.rows == first.rows
        np.testing.assert_array_equal(np.load(tmp_path / "b" / "noise_index.npy"), np.load(noise_index))

    def test_coco_has_two_test_sets(self, folder: Path, tmp_path: Path) -> None:
        (row,) = run_paper(tiny_run(folder, tmp_path, PaperModel.HEADS, PaperDataset.COCO), SeenSteps()).rows
        assert list(row.retrieval) == ["1K", "5K"]
        assert row.retrieval["1K"].r_sum > row.retrieval["5K"].r_sum

    def test_cc152k_has_no_planted_mismatches(self, folder: Path, tmp_path: Path) -> None:
        result = run_paper(tiny_run(folder, tmp_path, PaperModel.HEADS, PaperDataset.CC152K, noise=None), SeenSteps())
        assert result.noise.protocol is NoiseProtocol.REAL
        assert result.noise_seed is None
        assert result.rows[0].detection is None
        assert not (tmp_path / "noise_index.npy").exists()

    def test_a_model_of_regions_refuses_vectors(self, folder: Path, tmp_path: Path) -> None:
        inner = tmp_path / "f30k_precomp"
        inner.mkdir()
        for split in ("train", "test"):
            np.save(inner / f"{split}_ims.npy", np.load(folder / "f30k_precomp" / f"{split}_ims.npy").mean(axis=1))
            captions = (folder / "f30k_precomp" / f"{split}_caps.txt").read_text()
            (inner / f"{split}_caps.txt").write_text(captions)
        with pytest.raises(ValueError, match=r"train_ims.npy holds one vector an image, \(100, 32\); this model reads"):
            run_paper(tiny_run(tmp_path, tmp_path / "out", PaperModel.SAF), SeenSteps())
        assert run_paper(tiny_run(tmp_path, tmp_path / "out", PaperModel.HEADS), SeenSteps()).rows

    def test_a_setting_out_of_range_is_found_before_anything_is_read(self, tmp_path: Path) -> None:
        run = tiny_run(tmp_path / "nowhere", tmp_path, PaperModel.SAF)
        run = dataclasses.replace(run, settings=run.settings.changed_to({"dropout": 2}))
        with pytest.raises(ValueError, match="dropout is 2"):
            run_paper(run, SeenSteps())

    def test_its_json_is_json(self, sgraf: tuple[PaperResult, Path]) -> None:
        values = json.loads(json.dumps(sgraf[0].to_json()))
        assert values["noise"]["protocol"] == "caption_level"
        assert values["rows"][2]["retrieval"]["test"]["published_r_sum"] == 505.2
