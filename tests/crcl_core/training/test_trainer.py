import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from crcl_core.data import PairFeatures
from crcl_core.evaluation import auroc
from crcl_core.models import EmbeddingModel
from crcl_core.training import EpochReport, TrainingConfig, TrainingResult, train
from crcl_core.training.batches import MIN_HELD_OUT
from tests.crcl_core.training.clusters import ClusteredCorpus, clustered_corpus, in_joint_space
from tests.crcl_core.training.runs import N_EPOCHS, SHORT, bits

ALL_EPOCHS = range(1, N_EPOCHS + 1)


class TestSeeds:
    def test_one_seed_gives_the_same_bits_twice_whatever_was_drawn_before(
        self,
        features: PairFeatures,
        whole: TrainingResult,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(99)
            torch.rand(5)
            assert bits(train(features, SHORT)) == bits(whole)

    def test_another_seed_gives_other_labels_and_embeddings(
        self,
        features: PairFeatures,
        whole: TrainingResult,
    ) -> None:
        other = bits(train(features, dataclasses.replace(SHORT, seed=4)))
        assert all(other[name] != bits(whole)[name] for name in ("shadow_labels", "label_history", "image_embeddings"))


class TestLabels:
    @pytest.mark.parametrize(("n_images", "captions_per_image"), [(600, 1), (120, 5)])
    def test_planted_mismatches_are_found(self, n_images: int, captions_per_image: int) -> None:
        corpus = clustered_corpus(n_images, captions_per_image=captions_per_image)
        assert _auroc(train(corpus.features, _suited(corpus.features)), corpus) >= 0.95

    def test_mismatches_are_found_in_a_joint_space(self) -> None:
        corpus = clustered_corpus(600)
        features = in_joint_space(corpus.features)
        result = train(features, _suited(features), has_joint_space=True)
        assert _auroc(result, corpus) >= 0.95

    def test_labels_lie_in_zero_to_one_and_those_below_the_floor_are_zero(self) -> None:
        corpus = clustered_corpus(600)
        result = train(corpus.features, _suited(corpus.features))
        is_floored = result.labels < SHORT.label_floor
        assert (result.labels[is_floored] == 0).all()
        assert 0 < is_floored.sum() < 600
        for labels in (result.labels, result.shadow_labels, result.label_history):
            assert labels.min() >= 0
            assert labels.max() <= 1
        assert (result.shadow_labels > 0).all()

    def test_the_history_ends_in_the_shadow_labels(self, features: PairFeatures, whole: TrainingResult) -> None:
        assert whole.label_history.shape == (N_EPOCHS, features.n_pairs)
        np.testing.assert_array_equal(whole.label_history[-1], whole.shadow_labels.astype(np.float16))

    def test_warm_up_epochs_of_later_rounds_leave_the_labels_alone(self, whole: TrainingResult) -> None:
        np.testing.assert_array_equal(whole.label_history[3], whole.label_history[2])

    def test_pairs_of_one_caption_have_no_negatives_and_keep_their_labels(self) -> None:
        corpus = clustered_corpus(64).features
        features = dataclasses.replace(corpus, caption_index=np.zeros(64, dtype=np.int64))
        result = train(features, SHORT)
        assert (result.labels == 1).all()
        assert np.isfinite(result.image_embeddings).all()


class TestHeldOutPairs:
    def test_they_keep_labels_as_good_as_the_others(
        self, held_out_corpus: ClusteredCorpus, held_out_whole: TrainingResult
    ) -> None:
        result = held_out_whole
        assert result.is_held_out.sum() == MIN_HELD_OUT
        held_out = result.is_held_out
        assert auroc(result.shadow_labels[held_out], ~held_out_corpus.is_mismatch[held_out]) >= 0.95
        assert (result.shadow_labels[held_out] < 1).any()

    def test_the_last_round_leaves_their_labels_alone(self, held_out_whole: TrainingResult) -> None:
        result = held_out_whole
        held_out = result.is_held_out
        np.testing.assert_array_equal(result.label_history[5][held_out], result.label_history[2][held_out])
        assert (result.label_history[5][~held_out] != result.label_history[2][~held_out]).any()

    def test_the_epoch_that_retrieves_them_best_serves(self, held_out_whole: TrainingResult) -> None:
        result = held_out_whole
        last_round = [report for report in result.reports if report.round == 1]
        r_sums = [report.r_sum for report in last_round if report.r_sum is not None]
        assert len(r_sums) == len(last_round)
        assert result.serving_epoch == int(np.argmax(r_sums))
        assert result.r_sum == max(r_sums)

    def test_the_earlier_rounds_measure_no_recall(self, held_out_whole: TrainingResult) -> None:
        result = held_out_whole
        assert [report.r_sum for report in result.reports if report.round == 0] == [None] * 3

    def test_a_single_round_holds_nothing_out(self, held_out_corpus: ClusteredCorpus) -> None:
        result = train(held_out_corpus.features, dataclasses.replace(SHORT, round_epochs=(1,)))
        assert not result.is_held_out.any()

    def test_below_two_thousand_pairs_the_last_epoch_serves(self) -> None:
        features = clustered_corpus(1_999).features
        result = train(features, dataclasses.replace(SHORT, round_epochs=(1, 2)))
        assert not result.is_held_out.any()
        assert result.serving_epoch == 2
        assert result.r_sum is None


class TestResult:
    def test_embeddings_are_those_of_the_returned_heads(self, features: PairFeatures, whole: TrainingResult) -> None:
        with torch.no_grad():
            assert isinstance(whole.model, EmbeddingModel)
            images = whole.model.embed_images(torch.from_numpy(features.image_features)).numpy()
            captions = whole.model.embed_captions(torch.from_numpy(features.caption_features)).numpy()
        assert whole.image_embeddings.tobytes() == images.tobytes()
        assert whole.caption_embeddings.tobytes() == captions.tobytes()
        assert not whole.model.training

    def test_embeddings_have_length_one_and_joint_width(self, features: PairFeatures, whole: TrainingResult) -> None:
        assert whole.image_embeddings.shape == (features.n_images, SHORT.joint_dim)
        assert whole.caption_embeddings.shape == (features.n_captions, SHORT.joint_dim)
        np.testing.assert_allclose(np.linalg.norm(whole.image_embeddings, axis=1), 1, rtol=1e-5)

    def test_a_report_counts_every_pair_in_its_histogram(self, features: PairFeatures, whole: TrainingResult) -> None:
        assert [(report.round, report.epoch) for report in whole.reports] == [(r, e) for r in (0, 1) for e in range(3)]
        assert [report.n_done_epochs for report in whole.reports] == list(ALL_EPOCHS)
        for report in whole.reports:
            assert sum(report.label_histogram) == features.n_pairs
            assert report.n_total_epochs == N_EPOCHS
            assert np.isfinite([report.active_loss, report.complementary_loss, report.total_loss]).all()

    def test_a_report_survives_json(self, whole: TrainingResult) -> None:
        report = whole.reports[-1]
        assert EpochReport.from_json(report.to_json()) == report

    def test_on_epoch_comes_after_the_checkpoint(self, features: PairFeatures, tmp_path: Path) -> None:
        found: list[bool] = []

        def look(report: EpochReport) -> None:
            found.append((tmp_path / f"epoch-{report.n_done_epochs:06d}.safetensors").is_file())

        train(features, SHORT, checkpoint_folder=tmp_path, on_epoch=look)
        assert found == [True] * N_EPOCHS

    def test_two_pairs_are_enough(self) -> None:
        result = train(clustered_corpus(2).features, SHORT)
        assert np.isfinite(result.shadow_labels).all()

    def test_one_pair_is_too_few(self) -> None:
        with pytest.raises(ValueError, match="the corpus has 1 pairs, expected 2 or more"):
            train(clustered_corpus(1).features, SHORT)

    def test_a_vector_that_is_not_finite_is_named(self, features: PairFeatures) -> None:
        captions = features.caption_features.copy()
        captions[11, 0] = np.nan
        with pytest.raises(ValueError, match="caption_features row 11 holds a number that is not finite"):
            train(dataclasses.replace(features, caption_features=captions), SHORT)


@pytest.mark.gpu
class TestOnAnAccelerator:
    def test_it_finds_the_mismatches_that_the_cpu_finds(self, tmp_path: Path) -> None:
        corpus = clustered_corpus(600)
        config = _suited(corpus.features)
        on_cpu = train(corpus.features, config)
        on_cuda = train(corpus.features, config, device="cuda", checkpoint_folder=tmp_path)
        assert _auroc(on_cuda, corpus) >= 0.95
        assert _auroc(on_cuda, corpus) == pytest.approx(_auroc(on_cpu, corpus), abs=0.02)
        assert next(on_cuda.model.parameters()).device.type == "cpu"


def _suited(features: PairFeatures) -> TrainingConfig:
    return TrainingConfig.for_corpus(
        features.n_pairs, features.n_images, joint_dim=32, batch_size=64, learning_rate=2e-3
    )


def _auroc(result: TrainingResult, corpus: ClusteredCorpus) -> float:
    return auroc(result.shadow_labels, ~corpus.is_mismatch)
