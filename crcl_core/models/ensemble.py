"""Several matching models as one."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from crcl_core.models.matching_model import MatchingModel


@final
class SimilarityEnsemble(MatchingModel):
    """Averages the similarities of several models; of a SAF and an SGR it is the paper's SGRAF.

    Args:
        models: One or more, all taking the same images and captions.

    Raises:
        ValueError: No model is given.

    Source: CRCL (NeurIPS 2023), the reported CRCL-SGRAF.
    """

    def __init__(self, models: Sequence[MatchingModel]) -> None:
        super().__init__()
        if not models:
            raise ValueError("models is empty, expected at least one")
        self.models = nn.ModuleList(models)

    def similarities(self, images: Tensor, captions: Tensor) -> Tensor:
        """Scores (B_images, ...) against (B_captions, ...) -> (B_images, B_captions), the mean over the models."""
        return torch.stack([model(images, captions) for model in self.models]).mean(dim=0)
