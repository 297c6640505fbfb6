import dataclasses
from pathlib import Path

import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.training import EpochReport, Objective, TrainingResult, train
from tests.crcl_core.training.clusters import ClusteredCorpus, clustered_corpus, in_joint_space
from tests.crcl_core.training.runs import N_EPOCHS, SHORT, KilledError, bits, killer, train_until

ALL_EPOCHS = range(1, N_EPOCHS + 1)


class TestResuming:
    @pytest.mark.parametrize("n_done", ALL_EPOCHS)
    def test_a_training_killed_after_any_epoch_ends_in_the_same_bits(
        self,
        n_done: int,
        features: PairFeatures,
        whole: TrainingResult,
        tmp_path: Path,
    ) -> None:
        train_until(n_done, features, SHORT, tmp_path)
        assert bits(train(features, SHORT, checkpoint_folder=tmp_path)) == bits(whole)

    def test_a_training_killed_after_every_epoch_ends_in_the_same_bits(
        self,
        features: PairFeatures,
        whole: TrainingResult,
        tmp_path: Path,
    ) -> None:
        for n_done in ALL_EPOCHS:
            train_until(n_done, features, SHORT, tmp_path)
        assert bits(train(features, SHORT, checkpoint_folder=tmp_path)) == bits(whole)

    @pytest.mark.parametrize("n_done", ALL_EPOCHS)
    def test_with_held_out_pairs_the_serving_model_survives_too(
        self, n_done: int, held_out_corpus: ClusteredCorpus, held_out_whole: TrainingResult, tmp_path: Path
    ) -> None:
        features = held_out_corpus.features
        train_until(n_done, features, SHORT, tmp_path)
        resumed = train(features, SHORT, checkpoint_folder=tmp_path)
        assert bits(resumed) == bits(held_out_whole)
        assert resumed.r_sum is not None

    def test_a_joint_space_training_resumes_to_the_same_bits(self, tmp_path: Path) -> None:
        features = in_joint_space(clustered_corpus(200).features)
        expected = train(features, SHORT, has_joint_space=True)
        with pytest.raises(KilledError):
            train(features, SHORT, has_joint_space=True, checkpoint_folder=tmp_path, on_epoch=killer(3))
        assert bits(train(features, SHORT, has_joint_space=True, checkpoint_folder=tmp_path)) == bits(expected)

    @pytest.mark.parametrize("objective", [Objective.INFO_NCE, Objective.TRIPLET])
    def test_a_baseline_killed_after_any_epoch_ends_in_the_same_bits(
        self, objective: Objective, features: PairFeatures, tmp_path: Path
    ) -> None:
        config = dataclasses.replace(SHORT, objective=objective)
        expected = bits(train(features, config))
        for n_done in ALL_EPOCHS:
            train_until(n_done, features, config, tmp_path / str(n_done))
            assert bits(train(features, config, checkpoint_folder=tmp_path / str(n_done))) == expected

    def test_from_the_checkpoint_before_the_newest_it_ends_in_the_same_bits(
        self, features: PairFeatures, whole: TrainingResult, tmp_path: Path
    ) -> None:
        train_until(4, features, SHORT, tmp_path)
        max(tmp_path.glob("*.safetensors")).write_bytes(b"damaged")
        assert bits(train(features, SHORT, checkpoint_folder=tmp_path)) == bits(whole)

    def test_checkpoints_change_nothing(
        self,
        features: PairFeatures,
        whole: TrainingResult,
        tmp_path: Path,
    ) -> None:
        assert bits(train(features, SHORT, checkpoint_folder=tmp_path)) == bits(whole)

    def test_a_finished_training_runs_no_epoch_again(
        self,
        features: PairFeatures,
        whole: TrainingResult,
        tmp_path: Path,
    ) -> None:
        train(features, SHORT, checkpoint_folder=tmp_path)
        reports: list[EpochReport] = []
        again = train(features, SHORT, checkpoint_folder=tmp_path, on_epoch=reports.append)
        assert bits(again) == bits(whole)
        assert reports == []

    def test_a_resumed_training_reports_only_the_epochs_it_ran(self, features: PairFeatures, tmp_path: Path) -> None:
        train_until(4, features, SHORT, tmp_path)
        reports: list[EpochReport] = []
        train(features, SHORT, checkpoint_folder=tmp_path, on_epoch=reports.append)
        assert [report.n_done_epochs for report in reports] == [5, 6]

    def test_vectors_may_be_mapped_into_memory(
        self,
        features: PairFeatures,
        whole: TrainingResult,
        tmp_path: Path,
    ) -> None:
        train_until(3, features, SHORT, tmp_path / "checkpoints")
        mapped = _mapped(features, tmp_path)
        assert bits(train(mapped, SHORT, checkpoint_folder=tmp_path / "checkpoints")) == bits(whole)


def _mapped(features: PairFeatures, folder: Path) -> PairFeatures:
    names = ("image_features", "caption_features", "image_index", "caption_index")
    for name in names:
        np.save(folder / f"{name}.npy", getattr(features, name))
    return PairFeatures(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in names))
