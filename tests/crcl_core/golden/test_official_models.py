"""From the official code's checkpoint file to our similarities: the whole way that a user's own checkpoint goes."""

from pathlib import Path

import numpy as np
import pytest

from crcl_core.models.official_checkpoint import read_official_checkpoint
from crcl_core.models.official_conversion import convert_official
from tests.crcl_core.golden.official_files import official_parts, write_official_checkpoint
from tests.crcl_core.golden.reference import reference_array, reference_batch

_TOLERANCE = 1e-4


class TestConvertedModels:
    @pytest.mark.parametrize("module_name", ["VSEinfty", "SAF", "SGR"])
    def test_similarities_equal_the_reference(self, tmp_path: Path, module_name: str) -> None:
        path = write_official_checkpoint(
            tmp_path / "model_best.pth.tar", official_parts(module_name), module_name=module_name
        )
        _, model = convert_official(read_official_checkpoint(path))
        similarities = model.similarities(*reference_batch()).detach()
        expected = reference_array(f"{module_name}/similarities")
        np.testing.assert_allclose(similarities, expected, rtol=0, atol=_TOLERANCE)
