from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from crcl_core.encoders.toy import ToyEncoder
from crcl_core.paper import vector_features as module
from crcl_core.paper.data import PaperData
from crcl_core.paper.vector_features import mean_regions, vector_features
from crcl_core.types import FloatArray
from tests.crcl_core.paper.runs import SeenSteps


class TestMeanRegions:
    def test_averages_block_by_block(self, monkeypatch: pytest.MonkeyPatch) -> None:
        regions = np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32)
        monkeypatch.setattr(module, "_BLOCK_BYTES", 2 * 3 * 2 * 4)
        means = mean_regions(regions)
        assert means.dtype == np.float32
        np.testing.assert_allclose(means, regions.mean(axis=1), rtol=1e-6)

    def test_vectors_stay_as_they_are(self) -> None:
        vectors = np.ones((2, 3), dtype=np.float32)
        assert mean_regions(vectors) is vectors


class TestVectorFeatures:
    def test_pairs_means_with_the_vectors_of_distinct_captions(self, f30k: PaperData, tmp_path: Path) -> None:
        encoder, split = ToyEncoder(), f30k.train
        features = vector_features(split, encoder, tmp_path, SeenSteps())
        np.testing.assert_array_equal(features.image_index, split.image_index)
        assert features.n_captions < features.n_pairs  # Some generated captions are equal.
        for pair in (0, 7, 499):
            expected = encoder.encode_captions([split.captions[pair]])[0]
            np.testing.assert_array_equal(features.caption_features[features.caption_index[pair]], expected)

    def test_embeds_once(self, f30k: PaperData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = vector_features(f30k.test, ToyEncoder(), tmp_path, SeenSteps())

        def fail(_: ToyEncoder, captions: Sequence[str]) -> FloatArray:
            raise AssertionError(f"{len(captions)} captions are embedded again")

        monkeypatch.setattr(ToyEncoder, "encode_captions", fail)
        again = vector_features(f30k.test, ToyEncoder(), tmp_path, SeenSteps())
        np.testing.assert_array_equal(again.caption_features, first.caption_features)
        assert again.fingerprint() == first.fingerprint()

    def test_says_how_far_it_is(self, f30k: PaperData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_CAPTIONS_AT_ONCE", 40)
        seen = SeenSteps()
        features = vector_features(f30k.test, ToyEncoder(), tmp_path, seen)
        assert seen.notes == [f"{features.n_captions} captions"] * -(-features.n_captions // 40)
