import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.detection.pool_posterior import N_CANDIDATES, log_posteriors
from crcl_core.types import DoubleArray, FloatArray, IntArray

_TEMPERATURE = 0.1


def _unit(n: int, seed: int) -> FloatArray:
    vectors = np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _features(image_index: list[int], caption_index: list[int]) -> PairFeatures:
    images = np.zeros((max(image_index) + 1, 2), dtype=np.float32)
    captions = np.zeros((max(caption_index) + 1, 2), dtype=np.float32)
    return PairFeatures(images, captions, np.array(image_index), np.array(caption_index))


def _slow(images: FloatArray, captions: FloatArray, features: PairFeatures, pair: int, pool: IntArray) -> list[float]:
    """From the definition: own exponential over own plus 127 times the mean of the candidates'."""
    image, caption = features.image_index[pair], features.caption_index[pair]
    others = [j for j in pool if features.image_index[j] != image and features.caption_index[j] != caption]
    own = np.exp(float(images[image] @ captions[caption]) / _TEMPERATURE)
    to_captions = [np.exp(float(images[image] @ captions[features.caption_index[j]]) / _TEMPERATURE) for j in others]
    to_images = [np.exp(float(images[features.image_index[j]] @ captions[caption]) / _TEMPERATURE) for j in others]
    return [float(np.log(own / (own + (N_CANDIDATES - 1) * np.mean(terms)))) for terms in (to_captions, to_images)]


def _posteriors(features: PairFeatures, pairs: list[int], pool: list[int]) -> DoubleArray:
    images, captions = _unit(features.n_images, 0), _unit(features.n_captions, 1)
    return log_posteriors(images, captions, features, np.array(pairs), np.array(pool), temperature=_TEMPERATURE)


class TestLogPosteriors:
    def test_equals_the_definition_without_siblings_and_duplicates(self) -> None:
        features = _features([0, 0, 1, 2, 3, 4], [0, 1, 2, 2, 3, 4])
        images, captions = _unit(5, 0), _unit(5, 1)
        found = _posteriors(features, [0, 2, 5], [0, 1, 2, 3, 4])
        expected = [_slow(images, captions, features, pair, np.array([0, 1, 2, 3, 4])) for pair in (0, 2, 5)]
        np.testing.assert_allclose(found.T, expected, atol=1e-5)

    def test_does_not_hang_on_the_size_of_the_pool(self) -> None:
        features = _features([0, 1, 2], [0, 1, 2])
        np.testing.assert_allclose(_posteriors(features, [0], [1, 2]), _posteriors(features, [0], [1, 2] * 40))

    def test_is_certain_where_no_candidate_is_left(self) -> None:
        features = _features([0, 0], [0, 1])
        assert _posteriors(features, [0, 1], [0, 1]).tolist() == [[0.0, 0.0], [0.0, 0.0]]

    def test_crosses_the_borders_of_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        features = _features(list(range(9)), list(range(9)))
        at_once = _posteriors(features, list(range(9)), list(range(9)))
        monkeypatch.setattr("crcl_core.detection.pool_posterior._BLOCK_ELEMENTS", 18)
        np.testing.assert_allclose(_posteriors(features, list(range(9)), list(range(9))), at_once, atol=1e-6)

    def test_of_no_pair_is_empty(self) -> None:
        features = _features([0, 1], [0, 1])
        images, captions = _unit(2, 0), _unit(2, 1)
        none = np.zeros(0, dtype=np.int64)
        assert log_posteriors(images, captions, features, none, np.array([0]), temperature=0.1).shape == (2, 0)
