import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from crcl_core.data import PairFeatures
from crcl_core.evaluation import auroc, recall_at_k
from crcl_core.models import MatchingModel, ModelKind
from crcl_core.training import EpochReport, NcrResult, TrainingConfig, rectified_labels, similarity_matrix, train_ncr
from crcl_core.training import noisy_correspondence_rectifier as rectifier
from crcl_core.training.epoch import EpochTraining
from crcl_core.training.rectified_labels import Judgement
from crcl_core.training.step import StepLosses
from crcl_core.types import DivergedError
from tests.crcl_core.training.clusters import ClusteredCorpus, clustered_corpus
from tests.crcl_core.training.runs import break_weights
from tests.crcl_core.training.worded_corpora import worded_corpus

CONFIG = TrainingConfig(
    round_epochs=(4,), warmup_epochs=2, batch_size=64, learning_rate=2e-3, joint_dim=16, dropout=0.1, seed=3
)

_N_STEPS = 9  # Of an epoch of one network on all 600 pairs.


@pytest.fixture(scope="module")
def noisy() -> ClusteredCorpus:
    return clustered_corpus(600, ratio=0.4)


@pytest.fixture(scope="module")
def result(noisy: ClusteredCorpus) -> NcrResult:
    return train_ncr(noisy.features, CONFIG)


def _weights(model: MatchingModel) -> list[bytes]:
    return [value.numpy().tobytes() for value in model.state_dict().values()]


def _of_regions(kind: ModelKind, *, n_warmup: int, n_rectified: int) -> TrainingConfig:
    return dataclasses.replace(
        CONFIG,
        model=kind,
        warmup_epochs=n_warmup,
        round_epochs=(n_rectified,),
        word_dim=8,
        similarity_dim=8,
        batch_size=32,
        learning_rate=1e-2,
        word_noise_ratio=0.0,
        region_drop_ratio=0.0,
    )


class TestTrainNcr:
    def test_tells_mismatched_pairs_from_clean_ones(self, noisy: ClusteredCorpus, result: NcrResult) -> None:
        assert auroc(result.scores, ~noisy.is_mismatch) > 0.9
        assert auroc(result.labels, ~noisy.is_mismatch) > 0.9

    def test_scores_and_labels_lie_between_0_and_1(self, result: NcrResult) -> None:
        for values in (result.scores, result.labels):
            assert values.shape == (600,)
            assert values.min() >= 0
            assert values.max() <= 1

    def test_retrieves_by_the_mean_of_both_networks(self, noisy: ClusteredCorpus, result: NcrResult) -> None:
        images, captions = noisy.features.image_features, noisy.features.caption_features
        each = [similarity_matrix(model, images, captions) for model in result.models]
        similarities = result.similarity_matrix(images, captions)
        np.testing.assert_allclose(similarities, (each[0] + each[1]) / 2, atol=1e-6)
        assert recall_at_k(similarities, np.arange(600)).r_sum > 60

    def test_the_networks_differ(self, result: NcrResult) -> None:
        assert _weights(result.models[0]) != _weights(result.models[1])

    def test_the_same_seed_gives_the_same_bits(self, noisy: ClusteredCorpus, result: NcrResult) -> None:
        torch.manual_seed(99)
        again = train_ncr(noisy.features, CONFIG)
        assert again.scores.tobytes() == result.scores.tobytes()
        assert [_weights(model) for model in again.models] == [_weights(model) for model in result.models]

    def test_reports_every_epoch(self, result: NcrResult) -> None:
        assert [report.epoch for report in result.reports] == list(range(6))
        assert {sum(report.label_histogram) for report in result.reports} == {600}
        # In warm-up every label is 1.
        assert result.reports[1].label_histogram[-1] == 600
        assert result.reports[2].label_histogram[-1] < 600

    def test_calls_back_after_every_epoch(self, noisy: ClusteredCorpus) -> None:
        seen: list[EpochReport] = []
        config = dataclasses.replace(CONFIG, round_epochs=(2,), warmup_epochs=1)
        result = train_ncr(noisy.features, config, on_epoch=seen.append)
        assert tuple(seen) == result.reports

    def test_without_a_warm_up_a_tenth_of_the_epochs_is_one(self, noisy: ClusteredCorpus) -> None:
        result = train_ncr(noisy.features, dataclasses.replace(CONFIG, round_epochs=(3,), warmup_epochs=0))
        assert [report.label_histogram[-1] == 600 for report in result.reports] == [True, False, False]

    def test_few_pairs_hold_none_out_and_the_last_epoch_serves(self, result: NcrResult) -> None:
        assert not result.is_held_out.any()
        assert result.serving_epoch == 5

    def test_the_epoch_that_retrieves_best_on_held_out_pairs_serves(self) -> None:
        corpus = clustered_corpus(2_000, ratio=0.4)
        result = train_ncr(corpus.features, dataclasses.replace(CONFIG, round_epochs=(3,), warmup_epochs=1))
        assert 200 <= result.is_held_out.sum() < 400
        r_sums = [report.r_sum or 0.0 for report in result.reports]
        assert result.serving_epoch == 1 + int(np.argmax(r_sums[1:]))
        assert auroc(result.scores, ~corpus.is_mismatch) > 0.85

    def test_all_clean_pairs_stay_clean(self) -> None:
        corpus = clustered_corpus(600, ratio=0.0)
        result = train_ncr(corpus.features, CONFIG)
        assert result.scores.mean() > 0.7

    def test_pairs_of_noise_alone_train_without_fault(self) -> None:
        corpus = clustered_corpus(200, ratio=1.0)
        result = train_ncr(corpus.features, CONFIG)
        assert bool(np.isfinite(result.scores).all())

    def test_each_network_first_learns_from_the_pairs_that_its_peer_takes_for_clean(
        self, noisy: ClusteredCorpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        divided: list[set[int]] = []
        trained: list[set[int]] = []
        divide, learn = rectified_labels.judged, EpochTraining.train

        def judged(*args: Any, **kwargs: Any) -> Judgement:  # Any: passed on as they come.
            judgement = divide(*args, **kwargs)
            divided.append(set(np.flatnonzero(judgement.is_clean).tolist()))
            return judgement

        def train(self: EpochTraining, *args: Any) -> StepLosses:  # Any: as above.
            pairs: torch.Tensor = args[3]
            trained.append(set(pairs.tolist()))
            return learn(self, *args)

        monkeypatch.setattr(rectifier, "judged", judged)
        monkeypatch.setattr(EpochTraining, "train", train)
        train_ncr(noisy.features, CONFIG)
        n_warmup = 2 * CONFIG.warmup_epochs
        assert divided[0] != divided[1]
        assert trained[n_warmup : n_warmup + 2] == [divided[1], divided[0]]

    def test_two_pairs_are_enough(self) -> None:
        corpus = clustered_corpus(2, ratio=0.0)
        assert train_ncr(corpus.features, CONFIG).scores.tolist() == [1, 1]

    def test_trains_a_model_of_regions_and_words(self) -> None:
        features, is_mismatch = worded_corpus(400, noise=0.4)
        result = train_ncr(features, _of_regions(ModelKind.VSE_INFTY, n_warmup=4, n_rectified=2))
        assert auroc(result.scores, ~is_mismatch) > 0.75

    def test_trains_a_model_that_compares_pair_by_pair(self) -> None:
        features, _ = worded_corpus(60)
        result = train_ncr(features, _of_regions(ModelKind.SAF, n_warmup=1, n_rectified=1))
        assert bool(np.isfinite(result.scores).all())
        similarities = result.similarity_matrix(features.image_features[:3], features.caption_features[:2])
        assert similarities.shape == (3, 2)


class TestDivergence:
    @pytest.mark.parametrize("network", [0, 1])
    def test_once_goes_back_at_half_the_rate(
        self, network: int, noisy: ClusteredCorpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = train_ncr(noisy.features, dataclasses.replace(CONFIG, learning_rate=CONFIG.learning_rate / 2))
        break_weights(monkeypatch, {_N_STEPS * (network + 1) - 1})
        result = train_ncr(noisy.features, CONFIG)
        assert result.scores.tobytes() == expected.scores.tobytes()
        assert [_weights(model) for model in result.models] == [_weights(model) for model in expected.models]
        assert (result.learning_rate_scale, expected.learning_rate_scale) == (0.5, 1.0)

    def test_keeps_the_epochs_before(
        self, noisy: ClusteredCorpus, result: NcrResult, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_weights(monkeypatch, {2 * _N_STEPS * CONFIG.warmup_epochs})
        slowed = train_ncr(noisy.features, CONFIG)
        losses, expected = ([report.total_loss for report in each.reports] for each in (slowed, result))
        assert losses[: CONFIG.warmup_epochs] == expected[: CONFIG.warmup_epochs]
        assert losses[CONFIG.warmup_epochs] != expected[CONFIG.warmup_epochs]
        assert len(losses) == len(expected)

    def test_the_second_time_says_where(self, noisy: ClusteredCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
        # The first epoch is run again, so the second one begins with step 1 + 2 * _N_STEPS.
        break_weights(monkeypatch, {0, 1 + 2 * _N_STEPS})
        with pytest.raises(DivergedError, match="the loss is not finite at round 0, epoch 1, step 1"):
            train_ncr(noisy.features, CONFIG)


class TestArguments:
    def test_several_rounds_are_refused(self, noisy: ClusteredCorpus) -> None:
        with pytest.raises(ValueError, match=r"round_epochs is \(2, 2\), and NCR trains one round"):
            train_ncr(noisy.features, dataclasses.replace(CONFIG, round_epochs=(2, 2)))

    def test_one_epoch_alone_leaves_none_after_the_warm_up(self, noisy: ClusteredCorpus) -> None:
        with pytest.raises(ValueError, match=r"round_epochs is \(0,\), expected"):
            train_ncr(noisy.features, dataclasses.replace(CONFIG, round_epochs=(1,), warmup_epochs=0))

    def test_a_single_pair_is_refused(self, noisy: ClusteredCorpus) -> None:
        with pytest.raises(ValueError, match="the corpus has 1 pairs, expected 2 or more"):
            train_ncr(noisy.features.subset(np.array([0])), CONFIG)

    def test_features_that_are_not_finite_are_refused(self) -> None:
        features = PairFeatures(
            np.full((2, 3), np.nan, dtype=np.float32), np.ones((2, 3), dtype=np.float32), np.arange(2), np.arange(2)
        )
        with pytest.raises(ValueError, match="image_features row 0 holds a number that is not finite"):
            train_ncr(features, CONFIG)

    def test_a_loss_that_is_not_finite_names_its_epoch(self, noisy: ClusteredCorpus) -> None:
        # float32 ends at 3.4e38, so the layers' products overflow.
        huge = dataclasses.replace(
            noisy.features, caption_features=(noisy.features.caption_features * np.float32(1e37))
        )
        with pytest.raises(DivergedError, match="not finite at round 0, epoch 0, step"):
            train_ncr(huge, CONFIG)
