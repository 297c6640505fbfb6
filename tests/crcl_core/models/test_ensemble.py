import pytest
import torch
from torch import Tensor, nn

from crcl_core.models.ensemble import SimilarityEnsemble
from crcl_core.models.matching_model import MatchingModel
from tests.crcl_core.models.pair_models import CAPTIONS, images, model


class _Constant(MatchingModel):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def similarities(self, images: Tensor, captions: Tensor) -> Tensor:
        return self.value.expand(len(images), len(captions))


class TestSimilarityEnsemble:
    def test_averages_its_models(self) -> None:
        ensemble = SimilarityEnsemble([_Constant(0.2), _Constant(0.4), _Constant(0.9)])
        torch.testing.assert_close(ensemble(torch.zeros(2, 1), torch.zeros(3, 1)), torch.full((2, 3), 0.5))

    def test_of_saf_and_sgr_is_their_mean(self) -> None:
        saf, sgr = model("saf").eval(), model("sgr").eval()
        expected = (saf(images(), CAPTIONS) + sgr(images(), CAPTIONS)) / 2
        torch.testing.assert_close(SimilarityEnsemble([saf, sgr])(images(), CAPTIONS), expected)

    def test_of_one_model_is_that_model(self) -> None:
        found = SimilarityEnsemble([_Constant(0.3)])(torch.zeros(1, 1), torch.zeros(1, 1))
        torch.testing.assert_close(found, torch.tensor([[0.3]]))

    def test_switches_its_models_to_evaluation(self) -> None:
        members = [_Constant(0.1), _Constant(0.2)]
        SimilarityEnsemble(members).eval()
        assert not any(member.training for member in members)

    def test_refuses_no_models(self) -> None:
        with pytest.raises(ValueError, match="models is empty, expected at least one"):
            SimilarityEnsemble([])
