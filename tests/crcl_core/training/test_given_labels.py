import dataclasses

import numpy as np
import pytest
import torch

from crcl_core.models import ModelKind
from crcl_core.training import TrainingConfig, embed_captions, embed_images, train_on_labels
from crcl_core.training.epoch import EpochTraining
from crcl_core.types import DivergedError, DoubleArray
from tests.crcl_core.detection.corpora import Corpus, build_corpus

_CONFIG = TrainingConfig(
    round_epochs=(6, 1), warmup_epochs=2, joint_dim=16, batch_size=32, learning_rate=5e-3, lr_decay_epochs=6
)


def _corpus() -> Corpus:
    return build_corpus(n_images=60, n_captions_each=2, n_mismatched=40)


def _trained(corpus: Corpus, labels: DoubleArray, config: TrainingConfig = _CONFIG) -> DoubleArray:
    """The similarities of all pairs after a training on all of them."""
    features = corpus.features
    model = train_on_labels(features, labels, np.arange(features.n_pairs), config, stream=("test",))
    images = embed_images(model, features.image_features)[features.image_index]
    captions = embed_captions(model, features.caption_features)[features.caption_index]
    similarities: DoubleArray = (images * captions).sum(axis=1).astype(np.float64)
    return similarities


class TestTrainOnLabels:
    def test_pairs_with_a_label_of_1_are_learned_and_those_below_the_floor_are_not(self) -> None:
        corpus = _corpus()
        similarities = _trained(corpus, np.where(corpus.is_mismatch, 0.05, 1.0))
        assert similarities[~corpus.is_mismatch].mean() > similarities[corpus.is_mismatch].mean() + 0.4

    def test_pairs_that_are_left_out_do_not_matter(self) -> None:
        corpus = _corpus()
        half = np.arange(60)
        models = [
            train_on_labels(corpus.features, labels, half, _CONFIG, stream=("test",))
            for labels in (np.ones(120), np.where(np.arange(120) < 60, 1.0, 0.3))
        ]
        one, other = (embed_images(model, corpus.features.image_features) for model in models)
        np.testing.assert_array_equal(one, other)

    def test_the_stream_decides(self) -> None:
        corpus = _corpus()
        one, again, other = (
            embed_images(
                train_on_labels(corpus.features, np.ones(120), np.arange(120), _CONFIG, stream=stream),
                corpus.features.image_features,
            )
            for stream in ((1,), (1,), (2,))
        )
        np.testing.assert_array_equal(one, again)
        assert not np.array_equal(one, other)

    def test_labels_stay_as_they_are(self) -> None:
        labels = np.full(120, 0.5)
        _trained(_corpus(), labels)
        assert (labels == 0.5).all()

    def test_a_loss_that_is_not_finite_starts_over_at_half_the_rate(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rates: list[float] = []
        whole = EpochTraining.train

        def diverges_first(
            self: EpochTraining, model: object, optimizer: torch.optim.Optimizer, *rest: object
        ) -> object:
            rates.append(optimizer.param_groups[0]["lr"])
            if len(rates) == 1:
                raise DivergedError(0, 0, 0)
            return whole(self, model, optimizer, *rest)  # type: ignore[arg-type]  # passed on as they came

        monkeypatch.setattr(EpochTraining, "train", diverges_first)
        _trained(_corpus(), np.ones(120))
        assert rates[:2] == [_CONFIG.learning_rate, _CONFIG.learning_rate / 2]

    def test_a_model_that_compares_pair_by_pair_is_refused(self) -> None:
        config = dataclasses.replace(_CONFIG, model=ModelKind.SAF)
        with pytest.raises(ValueError, match="saf"):
            _trained(_corpus(), np.ones(120), config)
