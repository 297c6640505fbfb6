from itertools import islice

import numpy as np

from crcl_core.certification import CertificationConfig
from crcl_core.certification.arm_training import HeldOut, _passes, _positions
from tests.crcl_core.certification.corpora import TINY, noisy_corpus


class TestPasses:
    def test_every_pair_is_seen_once_before_any_is_seen_again(self) -> None:
        pairs = np.array([3, 5, 8, 9, 11], dtype=np.int64)
        seen = np.concatenate(list(islice(_passes(pairs, 7, seed=0), 5)))
        assert len(seen) == 35
        for start in range(0, 35, 5):
            assert sorted(seen[start : start + 5]) == pairs.tolist()

    def test_passes_have_orders_of_their_own(self) -> None:
        pairs = np.arange(50, dtype=np.int64)
        first, second = islice(_passes(pairs, 50, seed=0), 2)
        assert not np.array_equal(first, second)


class TestPositions:
    def test_the_last_third_is_trained_at_a_tenth_of_the_rate(self) -> None:
        features, _ = noisy_corpus()
        config = CertificationConfig(n_epochs=6, learning_rate=0.1)
        rates = [position.learning_rate for position in _positions(config.recipe(features, 0), config.decay_ratio)]
        assert rates == [0.1] * 4 + [0.1 * 0.1] * 2


class TestHeldOut:
    def test_only_its_own_images_and_captions_compete(self) -> None:
        features, _ = noisy_corpus(captions_per_image=2)
        pairs = np.array([0, 1, 7], dtype=np.int64)
        held_out = HeldOut.of(features, pairs, np.ones(3))
        assert np.array_equal(held_out.image_rows[held_out.image_index], features.image_index[pairs])
        assert np.array_equal(held_out.caption_rows[held_out.caption_index], features.caption_index[pairs])

    def test_weights_decide_which_pair_counts(self) -> None:
        features, _ = noisy_corpus(noise=0.0)
        held_out = HeldOut.of(features, np.arange(3, dtype=np.int64), np.array([1.0, 1.0, 0.0]))
        images = np.eye(3, dtype=np.float32)
        captions = np.eye(3, dtype=np.float32)[[0, 1, 0]]  # The third caption looks like the first image.
        assert held_out.recall(images, captions).text_to_image_r1 < 100
        assert held_out.recall(images, captions, held_out.weights).text_to_image_r1 == 100


def test_the_recipe_is_plain_info_nce_and_its_seed_the_only_difference() -> None:
    features, _ = noisy_corpus()
    one, other = TINY.recipe(features, 1), TINY.recipe(features, 2)
    assert (one.objective, one.validation_ratio, one.warmup_epochs) == ("info_nce", 0.0, 0)
    assert {name for name in one.__dict__ if one.__dict__[name] != other.__dict__[name]} == {"seed"}
