import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.detection import PlantedDecoys, plant_decoys
from crcl_core.detection.neighbour_agreement import neighbour_agreement
from crcl_core.evaluation import auroc
from crcl_core.types import DoubleArray, IntArray
from tests.crcl_core.detection.corpora import build_corpus

_NONE = np.zeros(0, dtype=np.int64)


def _planted(features: PairFeatures) -> PlantedDecoys:
    return PlantedDecoys(features, features.n_pairs, _NONE, _NONE)


def _cosine(one: DoubleArray, other: DoubleArray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def _by_images(features: PairFeatures, labels: DoubleArray, pair: int) -> float:
    """From the definition, where a pair has all others for neighbours."""
    images, captions = features.image_features.astype(np.float64), features.caption_features.astype(np.float64)
    total = weights = 0.0
    for j in range(features.n_pairs):
        if j != pair:
            near = _cosine(images[features.image_index[pair]], images[features.image_index[j]])
            weight = labels[j] * np.exp(-max(0.0, 1 - near) / 0.1)
            said = _cosine(captions[features.caption_index[pair]], captions[features.caption_index[j]])
            total, weights = total + weight * said, weights + weight
    return total / weights


class TestNeighbourAgreement:
    def test_equals_the_definition(self) -> None:
        corpus = build_corpus(n_images=6, n_captions_each=2)
        labels = np.linspace(0.1, 1, 12)
        found = neighbour_agreement(_planted(corpus.features), labels)
        expected = [_by_images(corpus.features, labels, pair) for pair in range(12)]
        np.testing.assert_allclose(found[0], expected, atol=1e-5)

    def test_finds_mismatches_by_their_neighbours(self) -> None:
        corpus = build_corpus(n_images=200, n_mismatched=80)
        found = neighbour_agreement(_planted(corpus.features), np.where(corpus.is_mismatch, 0.1, 1.0))
        assert auroc(found[0], ~corpus.is_mismatch) > 0.9
        assert auroc(found[1], ~corpus.is_mismatch) > 0.9

    def test_a_decoy_is_judged_without_the_pairs_that_it_comes_from(self) -> None:
        # Four pairs of one vector each: pair 0's image would be the nearest to the decoy's, at distance 0.
        vectors = np.eye(4, dtype=np.float32)
        corpus = PairFeatures(vectors, vectors, np.arange(4), np.arange(4))
        planted = plant_decoys(corpus, 4, 0)
        found = neighbour_agreement(planted, np.ones(planted.features.n_pairs))
        # Neither its image's own caption, at cosine 0 like all others, nor its caption's own pair, at cosine 1.
        assert found[0][4:].tolist() == [0.0] * planted.n_decoys

    @pytest.mark.parametrize(("are_siblings_evidence", "expected"), [(True, 1.0), (False, 0.0)])
    def test_siblings_testify_only_where_they_may(self, are_siblings_evidence: bool, expected: float) -> None:
        image_index: IntArray = np.array([0, 0, 1])
        captions = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
        images = np.eye(2, dtype=np.float32)
        features = PairFeatures(images, captions, image_index, np.arange(3))
        found = neighbour_agreement(_planted(features), np.ones(3), are_siblings_evidence=are_siblings_evidence)
        assert found[0][0] == pytest.approx(expected, abs=1e-3)

    def test_where_no_neighbour_is_trusted_it_says_nothing(self) -> None:
        corpus = build_corpus(n_images=4, n_captions_each=1)
        assert (neighbour_agreement(_planted(corpus.features), np.zeros(4)) == 0).all()
