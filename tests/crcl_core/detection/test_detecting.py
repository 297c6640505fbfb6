import dataclasses
from pathlib import Path

import numpy as np
import pytest

from crcl_core.data.noise import image_level_noise
from crcl_core.detection import Detection, FoldUnit, ReliabilityReason, detect_mismatches, out_of_fold_epochs
from crcl_core.evaluation import auroc
from crcl_core.training import TrainingConfig
from tests.crcl_core.detection.corpora import Corpus, build_corpus

_CONFIG = TrainingConfig(
    round_epochs=(4, 4), warmup_epochs=1, joint_dim=16, batch_size=128, learning_rate=1e-2, lr_decay_epochs=4
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return build_corpus(n_images=700, n_captions_each=2, n_mismatched=420)


@pytest.fixture(scope="module")
def detected(corpus: Corpus) -> Detection:
    return detect_mismatches(corpus.features, _CONFIG)


class TestDetectMismatches:
    def test_gives_a_calibrated_probability_that_finds_mismatches(self, corpus: Corpus, detected: Detection) -> None:
        findings = detected.findings
        assert findings.is_calibrated
        assert findings.n_decoys == pytest.approx(210, abs=5)
        assert len(findings.correspondence) == corpus.features.n_pairs
        assert auroc(findings.rank_score, ~corpus.is_mismatch) > 0.9
        assert findings.calibration is not None
        assert findings.calibration.rate.rate == pytest.approx(0.3, abs=0.1)

    def test_loses_nothing_where_the_label_is_near_perfect(self, corpus: Corpus, detected: Detection) -> None:
        label = detected.training.shadow_labels[: corpus.features.n_pairs]
        fused = auroc(detected.findings.rank_score, ~corpus.is_mismatch)
        assert fused > auroc(label, ~corpus.is_mismatch) - 0.003

    def test_holds_the_corpus_without_decoys(self, corpus: Corpus, detected: Detection) -> None:
        held_out = detected.held_out()
        assert held_out is not None
        assert len(held_out.fold) == corpus.features.n_pairs

    def test_begun_with_what_an_earlier_detection_found_it_stays_calibrated(
        self, corpus: Corpus, detected: Detection
    ) -> None:
        before = detected.findings.correspondence.astype(np.float64)
        before[-300:] = np.nan  # pairs that came later
        found = detect_mismatches(corpus.features, dataclasses.replace(_CONFIG, seed=1), initial_labels=before)
        fresh = auroc(detected.findings.rank_score, ~corpus.is_mismatch)
        assert auroc(found.findings.rank_score, ~corpus.is_mismatch) > fresh - 0.01
        assert found.findings.calibration is not None
        assert found.findings.calibration.rate.rate == pytest.approx(0.3, abs=0.1)

    def test_captions_that_are_wrong_one_by_one_are_folded_by_pair(self, detected: Detection) -> None:
        assert detected.out_of_fold is not None
        assert detected.out_of_fold.unit is FoldUnit.PAIR

    def test_captions_that_are_wrong_together_are_folded_by_image(self) -> None:
        clean = build_corpus(n_images=300, n_captions_each=5).features
        noise = image_level_noise(clean.image_index, 0.4, 0)
        found = detect_mismatches(dataclasses.replace(clean, image_index=noise.image_index), _CONFIG)
        assert found.out_of_fold is not None
        assert found.out_of_fold.unit is FoldUnit.IMAGE
        assert auroc(found.findings.rank_score, ~noise.is_mismatch) > 0.9

    def test_the_papers_method_plants_nothing_and_judges_nothing_out_of_fold(self, corpus: Corpus) -> None:
        found = detect_mismatches(corpus.features, _CONFIG, is_plain=True)
        assert (found.out_of_fold, found.held_out()) == (None, None)
        assert found.findings.reason is ReliabilityReason.NOT_PLANTED
        np.testing.assert_array_equal(found.findings.rank_score, found.training.shadow_labels)

    def test_a_small_corpus_keeps_the_label_and_still_has_held_out_embeddings(self) -> None:
        small = build_corpus(n_images=100, n_captions_each=2, n_mismatched=60)
        found = detect_mismatches(small.features, _CONFIG)
        assert found.findings.reason is ReliabilityReason.TOO_FEW_DECOYS
        np.testing.assert_array_equal(found.findings.rank_score, found.training.shadow_labels[:200])
        assert found.held_out() is not None

    def test_goes_on_from_the_checkpoints_of_its_training(self, tmp_path: Path) -> None:
        small = build_corpus(n_images=50, n_captions_each=2, n_mismatched=20).features
        first = detect_mismatches(small, _CONFIG, checkpoint_folder=tmp_path)
        epochs: list[int] = []
        again = detect_mismatches(
            small, _CONFIG, checkpoint_folder=tmp_path, on_epoch=lambda report: epochs.append(report.epoch)
        )
        assert not epochs
        np.testing.assert_array_equal(first.findings.rank_score, again.findings.rank_score)


class TestOutOfFoldEpochs:
    def test_two_rounds_of_three_models_on_two_thirds_each(self) -> None:
        assert out_of_fold_epochs(_CONFIG) == pytest.approx(2 * 3 * (2 / 3) * 5)
