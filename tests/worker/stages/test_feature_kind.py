import numpy as np
import pytest

from app.core.errors import JobFailedError
from crcl_core.encoders.toy import ToyEncoder
from worker.stages.feature_kind import FeatureKind


class TestFeatureKind:
    def test_without_regions_it_is_the_encoders_vectors(self) -> None:
        encoder = ToyEncoder()
        kind = FeatureKind.of(encoder, None)
        batch = np.random.default_rng(0).integers(0, 256, (2, *encoder.prepared_shape)).astype(np.uint8)
        assert np.array_equal(kind.encode(batch), encoder.encode_prepared(batch))
        assert kind.facts() == {
            "fingerprint": encoder.fingerprint,
            "image_dim": 240,
            "n_regions": None,
            "caption_dim": 512,
            "joint_dim": None,
        }

    def test_with_regions_it_is_those_of_the_grid_and_the_global_one_and_no_caption_vectors(self) -> None:
        encoder = ToyEncoder()
        kind = FeatureKind.of(encoder, 4)
        batch = np.random.default_rng(0).integers(0, 256, (2, *encoder.prepared_shape)).astype(np.uint8)
        assert np.array_equal(kind.encode(batch), encoder.encode_prepared_regions(batch, 4))
        assert (kind.image_shape, kind.caption_dim) == ((5, 11), None)
        assert (kind.facts()["image_dim"], kind.facts()["n_regions"]) == (11, 5)

    def test_every_kind_has_a_fingerprint_of_its_own(self) -> None:
        encoder = ToyEncoder()
        assert len({FeatureKind.of(encoder, number).fingerprint for number in (None, 1, 4, 9)}) == 4

    def test_a_grid_that_the_encoder_does_not_have_is_refused_with_those_that_it_has(self) -> None:
        with pytest.raises(JobFailedError, match=r"encoder 'toy': n_grid_regions is 25, .*: 1, 4, 9, 16") as caught:
            FeatureKind.of(ToyEncoder(), 25)
        assert caught.value.code == "regions_unsupported"
