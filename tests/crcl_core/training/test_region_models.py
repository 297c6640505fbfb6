"""Trainings of the models that read regions and words: what holds for heads must hold for them."""

import dataclasses
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.evaluation import auroc
from crcl_core.models import EmbeddingModel, MatchingModel, ModelKind
from crcl_core.training import (
    EpochReport,
    Objective,
    Precision,
    TrainingConfig,
    pair_similarities,
    similarity_matrix,
    train,
)
from crcl_core.training.batches import MIN_HELD_OUT
from tests.crcl_core.training.clusters import clustered_corpus
from tests.crcl_core.training.runs import Bits, bits, train_until
from tests.crcl_core.training.worded_corpora import OF_REGIONS, small_config, worded_corpus


@pytest.fixture(scope="module")
def features() -> PairFeatures:
    return worded_corpus(96)[0]


@cache
def _bits_of_whole(model: ModelKind) -> Bits:
    """Of the small training that nobody interrupts."""
    return bits(train(worded_corpus(96)[0], small_config(model)))


@pytest.mark.parametrize("model", OF_REGIONS)
class TestEveryModel:
    def test_one_seed_gives_the_same_bits_twice(self, model: ModelKind, features: PairFeatures) -> None:
        assert bits(train(features, small_config(model))) == _bits_of_whole(model)

    @pytest.mark.parametrize("n_done", [1, 2, 3, 4, 5])
    def test_a_training_that_was_killed_ends_in_the_same_bits(
        self, model: ModelKind, n_done: int, features: PairFeatures, tmp_path: Path
    ) -> None:
        train_until(n_done, features, small_config(model), tmp_path)
        resumed = train(features, small_config(model), checkpoint_folder=tmp_path)
        assert bits(resumed) == _bits_of_whole(model)

    def test_the_features_stay_as_they_are(self, model: ModelKind, features: PairFeatures) -> None:
        before = features.fingerprint()
        train(features, dataclasses.replace(small_config(model), region_drop_ratio=0.5))
        assert features.fingerprint() == before

    def test_only_models_with_vectors_give_embeddings(self, model: ModelKind, features: PairFeatures) -> None:
        result = train(features, small_config(model))
        assert (result.embeddings is not None) == model.gives_embeddings
        if not model.gives_embeddings:
            with pytest.raises(ValueError, match=f"model '{model.value}' compares pair by pair"):
                _ = result.image_embeddings

    def test_training_lowers_the_loss(self, model: ModelKind) -> None:
        # SGR first stays for some epochs where all scores are alike. With this seed it leaves that early, so that a
        # machine which sums in another order sees it leave too.
        config = dataclasses.replace(
            small_config(model), round_epochs=(1,), warmup_epochs=7, word_noise_ratio=0.0, region_drop_ratio=0.0, seed=4
        )
        losses = [report.active_loss for report in train(worded_corpus(300)[0], config).reports]
        assert losses[-1] < 0.99 * losses[1]

    def test_pairs_and_the_whole_matrix_are_scored_alike(self, model: ModelKind, features: PairFeatures) -> None:
        trained = train(features, small_config(model)).model
        matrix = similarity_matrix(trained, features.image_features, features.caption_features)
        assert matrix.shape == (features.n_images, features.n_captions)
        expected = matrix[features.image_index, features.caption_index]
        np.testing.assert_allclose(pair_similarities(trained, features), expected, rtol=0, atol=1e-5)

    def test_heads_vectors_are_refused_by_name(self, model: ModelKind) -> None:
        vectors = clustered_corpus(20).features
        with pytest.raises(ValueError, match=f"model '{model.value}' reads images and captions as regions and words"):
            train(vectors, small_config(model))


class TestVseInfinity:
    def test_planted_mismatches_are_found(self) -> None:
        noisy, is_mismatch = worded_corpus(400, noise=0.3)
        config = dataclasses.replace(
            small_config(ModelKind.VSE_INFTY),
            round_epochs=(6, 4),
            warmup_epochs=2,
            word_noise_ratio=0.0,
            region_drop_ratio=0.0,
        )
        assert auroc(train(noisy, config).shadow_labels, ~is_mismatch) > 0.8


class TestHeads:
    def test_regions_and_words_are_refused_by_name(self, features: PairFeatures) -> None:
        with pytest.raises(ValueError, match="model 'heads' reads images and captions as global vectors and vectors"):
            train(features, TrainingConfig())

    @pytest.mark.parametrize("objective", [Objective.INFO_NCE, Objective.TRIPLET])
    def test_a_baseline_trusts_every_pair_and_learns(self, objective: Objective) -> None:
        vectors = clustered_corpus(200).features
        config = TrainingConfig(objective=objective, round_epochs=(8,), warmup_epochs=0, joint_dim=16, batch_size=32)
        result = train(vectors, config)
        assert (result.labels == 1).all()
        losses = [report.total_loss for report in result.reports]
        assert losses[-1] < 0.8 * losses[0]

    def test_a_baseline_of_one_round_chooses_its_epoch_on_held_out_pairs(self) -> None:
        config = TrainingConfig(objective=Objective.INFO_NCE, round_epochs=(2,), warmup_epochs=0, joint_dim=8)
        result = train(clustered_corpus(2_000).features, config)
        assert result.is_held_out.sum() >= MIN_HELD_OUT
        assert all(report.r_sum is not None for report in result.reports)

    def test_bfloat16_orders_the_pairs_as_float32_does(self) -> None:
        corpus = clustered_corpus(600, ratio=0.4)
        config = TrainingConfig(
            round_epochs=(4, 4), warmup_epochs=1, joint_dim=32, batch_size=32, dropout=0.1, learning_rate=2e-3
        )
        areas = [
            auroc(
                train(corpus.features, dataclasses.replace(config, precision=precision)).shadow_labels,
                ~corpus.is_mismatch,
            )
            for precision in (Precision.FLOAT32, Precision.BFLOAT16)
        ]
        assert areas[0] > 0.9
        assert areas[1] == pytest.approx(areas[0], abs=0.005)


class TestInspect:
    def test_sees_the_model_of_every_epoch_in_evaluation_mode(self, features: PairFeatures) -> None:
        seen: list[tuple[int, bool]] = []

        def inspect(report: EpochReport, model: MatchingModel) -> None:
            assert isinstance(model, EmbeddingModel)
            seen.append((report.n_done_epochs, model.training))

        config = small_config(ModelKind.VSE_INFTY)
        inspected = train(features, config, inspect=inspect)
        assert seen == [(number, False) for number in range(1, config.n_total_epochs + 1)]
        assert bits(inspected) == bits(train(features, config))
