"""Small SAF and SGR models and batches for their tests."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crcl_core.models.bidirectional_gru import valid_positions
from crcl_core.models.block_scoring import CaptionPart, ImagePart, PairBlock
from crcl_core.models.matching_model import MatchingModel
from crcl_core.models.normalisation import scaled_to_unit
from crcl_core.models.saf import Saf
from crcl_core.models.sgr import Sgr
from crcl_core.types import DoubleArray

KINDS: dict[str, type[Saf] | type[Sgr]] = {"saf": Saf, "sgr": Sgr}
# Four captions of 3, 1, 5 and 3 words.
CAPTIONS = torch.tensor([[5, 2, 7, 0, 0, 0], [3, 0, 0, 0, 0, 0], [1, 8, 8, 4, 6, 0], [9, 2, 1, 0, 0, 0]])


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Normally distributed float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def images(n_images: int = 3, seed: int = 1) -> Tensor:
    """(I, 4, 6) float64."""
    return numbers(n_images, 4, 6, seed=seed)


def model(kind: str, *, seed: int = 0, **changed: Any) -> MatchingModel:  # Any: arguments of several types.
    """A float64 model of 4 regions of 6 numbers, J = 8, S = 5, without dropout, its statistics and biases moved."""
    sizes = {"region_dim": 6, "n_regions": 4, "vocabulary_size": 10, "joint_dim": 8, "word_dim": 3, "similarity_dim": 5}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = KINDS[kind](**{**sizes, "dropout": 0.0, **changed}).double()
        roughen(built)
    return built


def roughen(module: nn.Module) -> None:
    """Moves biases and running statistics from where they start, so that tests see them."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name.endswith(("bias", "running_mean")):
                value.add_(torch.randn_like(value) / 3)
            elif name.endswith("running_var"):
                value.add_(torch.rand_like(value))


def block(n_images: int = 2, lengths: tuple[int, ...] = (4, 2, 1), joint_dim: int = 8) -> PairBlock:
    """A block of unit vectors, the longest caption first, three regions an image."""
    is_word = valid_positions(torch.tensor(lengths), max(lengths))
    words = scaled_to_unit(numbers(len(lengths), max(lengths), joint_dim, seed=3)) * is_word.unsqueeze(2)
    regions = scaled_to_unit(numbers(n_images, 3, joint_dim, seed=1))
    return PairBlock(
        ImagePart(
            regions,
            regions @ regions.transpose(1, 2),
            scaled_to_unit(numbers(n_images, joint_dim, seed=2)),
        ),
        CaptionPart(
            words, is_word, scaled_to_unit(numbers(len(lengths), joint_dim, seed=4)), torch.arange(len(lengths))
        ),
    )


def weights_of(module: nn.Module) -> dict[str, DoubleArray]:
    """All weights and buffers in float64."""
    return {name: np.asarray(value.detach().double()) for name, value in module.state_dict().items()}
