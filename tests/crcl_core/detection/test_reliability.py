"""What a whole detection says of corpora that tell it too little."""

import dataclasses

import numpy as np

from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.detection import Findings, Reliability, ReliabilityReason, detect_mismatches
from crcl_core.training import TrainingConfig
from crcl_core.types import FloatArray
from tests.crcl_core.detection.corpora import build_corpus

_N_PAIRS = 1_500
_CONFIG = TrainingConfig(
    round_epochs=(3, 3), warmup_epochs=1, joint_dim=16, batch_size=128, learning_rate=1e-2, lr_decay_epochs=3
)


def _clean(n_pairs: int = _N_PAIRS) -> PairFeatures:
    return build_corpus(n_images=n_pairs, n_captions_each=1).features


def _noisy(ratio: float) -> PairFeatures:
    clean = _clean()
    return dataclasses.replace(clean, image_index=caption_level_noise(clean.image_index, ratio, 0).image_index)


def _found(features: PairFeatures) -> Findings:
    return detect_mismatches(features, _CONFIG).findings


def _near_duplicates(vectors: FloatArray) -> FloatArray:
    """One vector with a little noise."""
    noise = np.random.default_rng(0).normal(size=vectors.shape)
    near: FloatArray = (vectors[:1] + 1e-3 * noise).astype(np.float32)
    return near


class TestReliability:
    def test_a_corpus_that_can_be_learned_is_ok(self) -> None:
        found = _found(_noisy(0.3))
        assert (found.reliability, found.reason) == (Reliability.OK, None)

    def test_a_clean_corpus_is_ok_and_nearly_nothing_is_flagged(self) -> None:
        found = _found(_clean())
        assert (found.reliability, found.reason) == (Reliability.OK, None)
        assert found.calibration is not None
        assert found.calibration.rate.low <= 0.02
        flagged = found.correspondence < np.float32(found.default_threshold(0.1))
        assert flagged.mean() < 0.03

    def test_three_hundred_pairs_give_too_few_decoys(self) -> None:
        found = _found(_clean(300))
        assert (found.reliability, found.reason) == (Reliability.INSUFFICIENT, ReliabilityReason.TOO_FEW_DECOYS)

    def test_of_a_corpus_that_is_nearly_all_wrong_nothing_is_believed(self) -> None:
        found = _found(_noisy(0.95))
        assert found.reliability is not Reliability.OK
        assert found.reason in {ReliabilityReason.NOT_SEPARABLE, ReliabilityReason.MOSTLY_MISMATCHED}

    def test_near_duplicates_alone_cannot_be_told_apart(self) -> None:
        clean = _clean()
        found = _found(dataclasses.replace(clean, image_features=_near_duplicates(clean.image_features)))
        assert found.reliability is not Reliability.OK
        assert found.reason in {ReliabilityReason.NOT_SEPARABLE, ReliabilityReason.MOSTLY_MISMATCHED}

    def test_captions_that_the_encoder_cannot_read_tell_nothing(self) -> None:
        clean = _clean()
        unread = np.random.default_rng(1).normal(size=clean.caption_features.shape).astype(np.float32)
        found = _found(dataclasses.replace(clean, caption_features=unread))
        # By chance the pairs may seem to score a little above the decoys; then nearly all of them seem wrong.
        assert found.reliability is not Reliability.OK
        assert found.reason in {ReliabilityReason.NOT_SEPARABLE, ReliabilityReason.MOSTLY_MISMATCHED}

    def test_where_all_captions_are_equal_there_is_no_decoy(self) -> None:
        clean = _clean()
        one = dataclasses.replace(
            clean, caption_features=clean.caption_features[:1], caption_index=np.zeros(_N_PAIRS, dtype=np.int64)
        )
        found = _found(one)
        assert (found.reliability, found.reason) == (Reliability.INSUFFICIENT, ReliabilityReason.TOO_FEW_DECOYS)
        assert found.n_decoys == 0
