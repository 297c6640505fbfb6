"""The official VSE-infinity's weights, read from a checkpoint file, give its embeddings."""

from pathlib import Path

import numpy as np
import pytest

from crcl_core.models.official_checkpoint import read_official_checkpoint
from crcl_core.models.official_conversion import convert_official
from crcl_core.models.vse_infinity import VseInfinity
from tests.crcl_core.golden.official_files import official_parts, write_official_checkpoint
from tests.crcl_core.golden.reference import reference_array, reference_batch

_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VseInfinity:
    path: Path = tmp_path_factory.mktemp("official") / "model_best.pth.tar"
    write_official_checkpoint(path, official_parts("VSEinfty"), module_name="VSEinfty")
    _, converted = convert_official(read_official_checkpoint(path))
    assert isinstance(converted, VseInfinity)
    return converted


class TestVseInfinity:
    def test_image_embeddings_equal_the_reference(self, model: VseInfinity) -> None:
        images, _ = reference_batch()
        expected = reference_array("VSEinfty/image_embeddings")
        np.testing.assert_allclose(model.embed_images(images).detach(), expected, rtol=0, atol=_TOLERANCE)

    def test_caption_embeddings_equal_the_reference(self, model: VseInfinity) -> None:
        _, captions = reference_batch()
        expected = reference_array("VSEinfty/caption_embeddings")
        np.testing.assert_allclose(model.embed_captions(captions).detach(), expected, rtol=0, atol=_TOLERANCE)
