"""SAF and SGR with the official implementation's weights, against its fragments and similarities."""

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.models.matching_model import MatchingModel
from crcl_core.models.official_checkpoint import OfficialCheckpoint
from crcl_core.models.official_conversion import convert_official
from crcl_core.models.saf import Saf
from crcl_core.models.sgr import Sgr
from tests.crcl_core.golden.official_files import official_weights
from tests.crcl_core.golden.reference import reference_array

_TOLERANCE = 1e-4
_KINDS: dict[str, type[Saf] | type[Sgr]] = {"SAF": Saf, "SGR": Sgr}
_SIZES = {
    "region_dim": 24,
    "n_regions": 36,
    "vocabulary_size": 40,
    "joint_dim": 16,
    "word_dim": 10,
    "similarity_dim": 8,
}


def _model(kind: str, memory_budget_bytes: int = 2**30) -> MatchingModel:
    """The official weights, through the converter, in a model of another memory budget."""
    _, converted = convert_official(OfficialCheckpoint(official_weights(kind), options={}, labels=None, epoch=None))
    model = _KINDS[kind](**_SIZES, memory_budget_bytes=memory_budget_bytes)
    model.load_state_dict(converted.state_dict())
    return model.eval()


def _images() -> Tensor:
    return torch.from_numpy(reference_array("images")).float()


def _captions() -> Tensor:
    return torch.from_numpy(reference_array("captions")).long()


@pytest.mark.parametrize("kind", _KINDS)
class TestAgainstTheReference:
    @pytest.mark.parametrize("memory_budget_bytes", [1, 100_000, 2**30])
    def test_similarities(self, kind: str, memory_budget_bytes: int) -> None:
        similarities = _model(kind, memory_budget_bytes).similarities(_images(), _captions()).detach()
        expected = reference_array(f"{kind}/similarities")
        assert similarities.shape == expected.shape
        np.testing.assert_allclose(similarities, expected, rtol=0, atol=_TOLERANCE)

    def test_regions_and_words(self, kind: str) -> None:
        model = _model(kind)
        assert isinstance(model, Saf | Sgr)
        fragments = model.encoder(_images(), _captions())
        np.testing.assert_allclose(
            fragments.regions.detach(), reference_array(f"{kind}/image_embeddings"), rtol=0, atol=_TOLERANCE
        )
        expected = reference_array(f"{kind}/caption_embeddings")
        for caption, length in enumerate(reference_array("caption_lengths").astype(int)):
            words = fragments.words[caption, :length].detach()
            np.testing.assert_allclose(words, expected[caption, :length], rtol=0, atol=_TOLERANCE)
