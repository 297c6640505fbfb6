import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.detection import encoder_similarity
from crcl_core.evaluation import auroc
from crcl_core.types import FloatArray
from tests.crcl_core.detection.corpora import build_corpus


def _features(images: FloatArray, captions: FloatArray) -> PairFeatures:
    return PairFeatures(images, captions, np.arange(len(images)), np.arange(len(captions)))


class TestEncoderSimilarity:
    def test_two_pairs_by_hand(self) -> None:
        images = np.array([[1, 0], [1, 1]], dtype=np.float32)
        captions = np.array([[-3, 0], [0, 2]], dtype=np.float32)
        score = encoder_similarity(_features(images, captions), has_joint_space=True)
        assert score.tolist() == pytest.approx([0, (1 + np.sqrt(0.5)) / 2])

    def test_equals_the_cosine_of_one_pair_at_a_time(self) -> None:
        rng = np.random.default_rng(0)
        images, captions = rng.normal(size=(2, 30, 7)).astype(np.float32)
        image_index, caption_index = rng.integers(0, 30, size=(2, 50))
        score = encoder_similarity(PairFeatures(images, captions, image_index, caption_index), has_joint_space=True)
        for pair in range(50):
            a, b = (images[image_index[pair]].astype(float), captions[caption_index[pair]].astype(float))
            cosine = a @ b / np.sqrt((a @ a) * (b @ b))
            assert score[pair] == pytest.approx((1 + cosine) / 2, abs=1e-6)

    def test_equal_vectors_score_one_and_no_more(self) -> None:
        vectors = np.random.default_rng(0).normal(size=(50, 9)).astype(np.float32)
        score = encoder_similarity(_features(vectors, vectors), has_joint_space=True)
        assert score.max() <= 1
        np.testing.assert_allclose(score, 1, atol=1e-6)

    def test_a_vector_of_zeros_is_in_the_middle(self) -> None:
        images, captions = np.zeros((1, 3), dtype=np.float32), np.ones((1, 3), dtype=np.float32)
        assert encoder_similarity(_features(images, captions), has_joint_space=True).tolist() == [0.5]

    def test_mismatched_pairs_score_low(self) -> None:
        corpus = build_corpus(n_images=100, n_mismatched=60)
        joint = PairFeatures(corpus.images, corpus.captions, corpus.features.image_index, corpus.features.caption_index)
        assert auroc(encoder_similarity(joint, has_joint_space=True), ~corpus.is_mismatch) > 0.9


class TestArguments:
    def test_an_encoder_without_a_joint_space_is_refused(self) -> None:
        vectors = np.ones((2, 3), dtype=np.float32)
        with pytest.raises(ValueError, match="no joint space"):
            encoder_similarity(_features(vectors, vectors), has_joint_space=False)

    def test_two_widths_are_refused(self) -> None:
        images, captions = np.ones((2, 3), dtype=np.float32), np.ones((2, 4), dtype=np.float32)
        with pytest.raises(ValueError, match="image vectors have width 3 and caption vectors 4"):
            encoder_similarity(_features(images, captions), has_joint_space=True)

    def test_words_are_refused(self) -> None:
        words = PairFeatures(
            np.ones((2, 3), dtype=np.float32),
            np.ones((2, 3), dtype=np.int32),
            np.arange(2),
            np.arange(2),
            vocabulary_size=5,
        )
        with pytest.raises(ValueError, match="images are vectors and captions words"):
            encoder_similarity(words, has_joint_space=True)
