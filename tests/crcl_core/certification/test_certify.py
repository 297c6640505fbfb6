import dataclasses
import json
import pickle

import numpy as np
import pytest

from crcl_core.certification import Arm, Certificate, CertificationConfig, CertificationProgress, Verdict, certify
from crcl_core.data import PairFeatures
from crcl_core.types import BoolArray, FloatArray, NotCertifiableError
from tests.crcl_core.certification.corpora import LEARNING, TINY, known_correspondence, noisy_corpus


def _certified(
    features: PairFeatures,
    correspondence: FloatArray,
    *,
    config: CertificationConfig = TINY,
    seeds: tuple[int, ...] = (0,),
) -> Certificate:
    return certify(features, correspondence, 0.5, seeds=seeds, config=config)


class TestCertify:
    def test_dropping_the_mismatches_helps_more_than_dropping_at_random(self) -> None:
        features, is_mismatch = noisy_corpus(n_images=400)
        made = _certified(features, known_correspondence(is_mismatch), config=LEARNING, seeds=(0, 1, 2))
        assert min(made.gain(Arm.RAW).by_seed) > 0
        assert min(made.gain(Arm.RANDOM).by_seed) > 0
        assert made.verdict is Verdict.HELPS

    def test_dropping_right_pairs_is_not_said_to_help(self) -> None:
        features, is_mismatch = noisy_corpus(n_images=400, noise=0.3)
        wrong = known_correspondence(is_mismatch).copy()
        right = np.flatnonzero(~is_mismatch)
        wrong[:] = 0.95
        wrong[right[::2]] = 0.05
        made = _certified(features, wrong, config=LEARNING, seeds=(0, 1))
        assert made.verdict is not Verdict.HELPS
        assert made.gain(Arm.RANDOM).mean < 0

    def test_the_same_inputs_give_the_same_json(self) -> None:
        features, is_mismatch = noisy_corpus()
        first, again = (_certified(features, known_correspondence(is_mismatch)).to_json() for _ in range(2))
        assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)

    def test_arms_of_a_seed_share_steps_and_differ_in_pairs_only(self) -> None:
        features, is_mismatch = noisy_corpus(captions_per_image=2)
        result = _certified(features, known_correspondence(is_mismatch)).results[0]
        raw, cleaned, random = (result.arms[arm] for arm in (Arm.RAW, Arm.CLEANED, Arm.RANDOM))
        assert cleaned.n_pairs == random.n_pairs < raw.n_pairs
        assert raw.n_pairs + result.n_held_out_pairs == features.n_pairs
        assert len({arm.pairs_sha256 for arm in result.arms.values()}) == 3
        assert result.n_steps == 2 * round(raw.n_pairs / 32)
        assert {len(arm.r_sum_by_epoch) for arm in result.arms.values()} == {2}
        assert raw.r_sum == raw.r_sum_by_epoch[-1]

    @pytest.mark.parametrize("changed", ["image", "caption", "pair"])
    def test_another_number_in_the_data_is_another_hash(self, changed: str) -> None:
        features, is_mismatch = noisy_corpus()
        correspondence = known_correspondence(is_mismatch)
        before = _certified(features, correspondence).data
        name = {"image": "image_features", "caption": "caption_features", "pair": "image_index"}[changed]
        array = getattr(features, name).copy()
        array[3] = array[4]
        after = _certified(dataclasses.replace(features, **{name: array}), correspondence).data
        assert after.features_sha256 != before.features_sha256
        assert (after.pairs_sha256 != before.pairs_sha256) == (changed == "pair")
        assert after.correspondence_sha256 == before.correspondence_sha256

    def test_another_score_and_other_settings_are_other_hashes(self) -> None:
        features, is_mismatch = noisy_corpus()
        correspondence = known_correspondence(is_mismatch)
        before = _certified(features, correspondence)
        moved = correspondence.copy()
        moved[0] += 0.01
        assert _certified(features, moved).data.correspondence_sha256 != before.data.correspondence_sha256
        other = _certified(features, correspondence, config=dataclasses.replace(TINY, learning_rate=1e-3))
        assert other.environment.config_sha256 != before.environment.config_sha256
        assert other.environment.code_sha256 == before.environment.code_sha256

    def test_held_out_mismatches_pull_plain_recall_below_weighted_recall(self) -> None:
        features, is_mismatch = noisy_corpus(n_images=400)
        made = _certified(features, known_correspondence(is_mismatch), config=LEARNING)
        assert made.weighted_r_sum(Arm.CLEANED).mean > made.r_sum(Arm.CLEANED).mean

    def test_a_blind_cleaning_is_made_without_the_held_out_pairs(self) -> None:
        features, is_mismatch = noisy_corpus(captions_per_image=2)
        parts: list[PairFeatures] = []

        def detect(part: PairFeatures, _seed: int) -> BoolArray:
            parts.append(part)
            return np.arange(part.n_pairs) < 50

        made = certify(features, known_correspondence(is_mismatch), 0.5, detect=detect, seeds=(0, 1), config=TINY)
        seeing = _certified(features, known_correspondence(is_mismatch), seeds=(0, 1))
        assert (made.is_blind, seeing.is_blind) == (True, False)
        assert made.to_json()["is_blind"]
        for part, blind, other in zip(parts, made.results, seeing.results, strict=True):
            assert len(np.unique(part.image_index)) == 200 - blind.n_held_out_images
            assert blind.arms[Arm.RAW] == other.arms[Arm.RAW]
            assert blind.held_out_sha256 == other.held_out_sha256
            assert blind.arms[Arm.CLEANED].n_pairs == part.n_pairs - 50

    def test_tells_each_epoch_of_all_trainings(self) -> None:
        features, is_mismatch = noisy_corpus()
        told: list[CertificationProgress] = []
        certify(features, known_correspondence(is_mismatch), 0.5, seeds=(0, 1), config=TINY, on_training=told.append)
        assert [each.n_done_epochs for each in told] == list(range(1, 13))
        assert {each.n_total_epochs for each in told} == {12}
        assert [each.arm for each in told[:6:2]] == [Arm.RAW, Arm.CLEANED, Arm.RANDOM]
        assert [each.seed for each in told] == [0] * 6 + [1] * 6

    def test_regions_and_words_are_trained_on_too(self) -> None:
        features, is_mismatch = noisy_corpus()
        random = np.random.default_rng(0)
        words = random.integers(3, 9, (features.n_captions, 4)).astype(np.int32)
        regions = random.normal(size=(features.n_images, 2, 6)).astype(np.float32)
        of_words = PairFeatures(regions, words, features.image_index, features.caption_index, vocabulary_size=9)
        made = _certified(of_words, known_correspondence(is_mismatch), config=dataclasses.replace(TINY, n_epochs=1))
        assert made.recipe["model"] == "vse_infty"

    def test_one_seed_shows_nothing(self) -> None:
        features, is_mismatch = noisy_corpus()
        made = _certified(features, known_correspondence(is_mismatch))
        assert made.gain(Arm.RAW).interval is None
        assert made.verdict is Verdict.NOT_SHOWN

    def test_nothing_flagged_is_refused_with_a_code_that_survives_pickling(self) -> None:
        features, _ = noisy_corpus()
        with pytest.raises(NotCertifiableError) as caught:
            _certified(features, np.ones(features.n_pairs, dtype=np.float32))
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - ours; it crosses processes in benchmarks
        assert (again.code, str(again)) == ("nothing_flagged", caught.value.detail)

    @pytest.mark.parametrize("seeds", [(), (1, 1)])
    def test_seeds_are_given_each_once(self, seeds: tuple[int, ...]) -> None:
        features, is_mismatch = noisy_corpus()
        with pytest.raises(ValueError, match="each once"):
            _certified(features, known_correspondence(is_mismatch), seeds=seeds)

    def test_correspondence_fits_the_pairs(self) -> None:
        features, _ = noisy_corpus()
        with pytest.raises(ValueError, match="expected 200 finite numbers"):
            _certified(features, np.ones(3, dtype=np.float32))
        with pytest.raises(ValueError, match="expected 200 finite numbers"):
            _certified(features, np.full(200, np.nan, dtype=np.float32))
