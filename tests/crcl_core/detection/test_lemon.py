import math

import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.detection import lemon, lemon_score, lemon_terms
from crcl_core.evaluation import auroc
from crcl_core.types import FloatArray
from tests.crcl_core.detection.corpora import Corpus, build_corpus


def _distance(a: FloatArray, b: FloatArray) -> float:
    left, right = a.astype(np.float64), b.astype(np.float64)
    return float(1 - left @ right / np.sqrt((left @ left) * (right @ right)))


def slow_lemon(corpus: Corpus, k: int = 30) -> list[float]:
    """The score d_mm + 5 s_n + 5 s_m, high = bad, one pair and one neighbour at a time."""
    features = corpus.features
    pairs = list(zip(features.image_index.tolist(), features.caption_index.tolist(), strict=True))
    d_mm = [_distance(corpus.images[image], corpus.captions[caption]) for image, caption in pairs]

    def d_image(i: int, j: int) -> float:
        same = pairs[i][0] == pairs[j][0]
        return 0.0 if same else _distance(features.image_features[pairs[i][0]], features.image_features[pairs[j][0]])

    def d_caption(i: int, j: int) -> float:
        same = pairs[i][1] == pairs[j][1]
        rows = features.caption_features.astype(np.float32)
        return 0.0 if same else _distance(rows[pairs[i][1]], rows[pairs[j][1]])

    scores = []
    for i in range(len(pairs)):
        others = [j for j in range(len(pairs)) if j != i]
        total = d_mm[i]
        for near, far in ((d_image, d_caption), (d_caption, d_image)):
            by_distance = sorted((near(i, j), j) for j in others)
            nearest = [j for _, j in by_distance[:k]]
            terms = [far(i, j) * math.exp(-0.1 * near(i, j)) * math.exp(-5 * d_mm[j]) for j in nearest]
            total += 5 * sum(terms) / len(terms) if terms else 0.0
        scores.append(total)
    return scores


class TestLemonScore:
    @pytest.mark.parametrize("n_captions_each", [1, 2])
    def test_equals_the_slow_oracle(self, n_captions_each: int) -> None:
        corpus = build_corpus(n_images=40, n_captions_each=n_captions_each, n_mismatched=10)
        score = lemon_score(corpus.features, corpus.images, corpus.captions)
        np.testing.assert_allclose(score, 1 / (1 + np.array(slow_lemon(corpus))), atol=1e-5)

    def test_equals_it_with_fewer_pairs_than_neighbours(self) -> None:
        corpus = build_corpus(n_images=6, n_captions_each=1)
        score = lemon_score(corpus.features, corpus.images, corpus.captions)
        np.testing.assert_allclose(score, 1 / (1 + np.array(slow_lemon(corpus))), atol=1e-5)

    def test_equals_it_in_many_small_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lemon, "_BLOCK_BYTES", 4_000)
        corpus = build_corpus(n_images=20)
        score = lemon_score(corpus.features, corpus.images, corpus.captions)
        np.testing.assert_allclose(score, 1 / (1 + np.array(slow_lemon(corpus))), atol=1e-5)

    def test_two_pairs_by_hand(self) -> None:
        # Pair 0 matches, pair 1 is at right angles in the joint space. Each is the other's only neighbour, at
        # distance 1 - 0.6 by image and 1 by caption.
        features = PairFeatures(
            image_features=np.array([[1, 0], [0.6, 0.8]], dtype=np.float32),
            caption_features=np.array([[2, 0], [0, 1]], dtype=np.float32),
            image_index=np.arange(2),
            caption_index=np.arange(2),
        )
        images = np.array([[1, 0], [1, 0]], dtype=np.float32)
        terms = lemon_terms(features, images, np.eye(2, dtype=np.float32))
        np.testing.assert_allclose(terms.pair_distance, [0, 1], atol=1e-6)
        near = math.exp(-0.1 * 0.4)
        np.testing.assert_allclose(terms.of_image_neighbours, [near * math.exp(-5), near], rtol=1e-5)
        far = 0.4 * math.exp(-0.1)
        np.testing.assert_allclose(terms.of_caption_neighbours, [far * math.exp(-5), far], rtol=1e-5)
        expected = 1 / (1 + 1 + 5 * near + 5 * far)
        assert terms.score()[1] == pytest.approx(expected, rel=1e-5)
        assert terms.score(beta=0, gamma=0).tolist() == pytest.approx([1, 0.5])

    def test_mismatched_pairs_score_low(self) -> None:
        corpus = build_corpus(n_images=200, n_mismatched=120)
        score = lemon_score(corpus.features, corpus.images, corpus.captions)
        assert bool((score > 0).all())
        assert bool((score <= 1).all())
        assert auroc(score, ~corpus.is_mismatch) > 0.95

    def test_neighbours_add_to_what_the_distance_of_the_pair_says(self) -> None:
        corpus = build_corpus(n_images=200, n_mismatched=120)
        # A joint space in which little is left of the meanings.
        noise = np.random.default_rng(1).normal(size=corpus.captions.shape).astype(np.float32)
        terms = lemon_terms(corpus.features, corpus.images, corpus.captions + 2 * noise)
        alone, together = terms.score(beta=0, gamma=0), terms.score()
        assert auroc(together, ~corpus.is_mismatch) > auroc(alone, ~corpus.is_mismatch)

    def test_a_single_pair_is_its_distance_alone(self) -> None:
        corpus = build_corpus(n_images=1, n_captions_each=1)
        expected = 1 / (1 + _distance(corpus.images[0], corpus.captions[0]))
        assert lemon_score(corpus.features, corpus.images, corpus.captions).tolist() == pytest.approx([expected])

    def test_lengths_of_vectors_do_not_matter(self) -> None:
        corpus = build_corpus(n_images=20)
        score = lemon_score(corpus.features, corpus.images * 4, corpus.captions * np.float32(0.3))
        np.testing.assert_allclose(score, lemon_score(corpus.features, corpus.images, corpus.captions), atol=1e-6)


class TestArguments:
    def test_embeddings_of_other_items_are_refused(self) -> None:
        corpus = build_corpus(n_images=5)
        with pytest.raises(ValueError, match=r"embeddings have shapes \(4, 8\) and \(10, 8\), expected \(5, width\)"):
            lemon_score(corpus.features, corpus.images[:4], corpus.captions)

    def test_embeddings_of_two_widths_are_refused(self) -> None:
        corpus = build_corpus(n_images=5)
        with pytest.raises(ValueError, match="embeddings have shapes"):
            lemon_score(corpus.features, corpus.images[:, :4], corpus.captions)

    def test_regions_are_refused(self) -> None:
        corpus = build_corpus(n_images=5, n_captions_each=1)
        regions = PairFeatures(
            np.repeat(corpus.features.image_features[:, None], 3, axis=1),
            corpus.features.caption_features,
            np.arange(5),
            np.arange(5),
        )
        with pytest.raises(ValueError, match="images are regions and captions vectors, expected one vector"):
            lemon_score(regions, corpus.images, corpus.captions)
