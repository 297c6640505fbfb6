"""Pooling whose weights are learned from the positions of the sorted values."""

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from crcl_core.models.bidirectional_gru import Packing, mean_of_directions, valid_positions

_WEIGHT_TEMPERATURE = 0.1
_LONGEST_WAVE = 10_000.0


@final
class GeneralizedPooling(nn.Module):
    """Sorts each dimension's values over a row's elements and takes their weighted sum: GPO.

    The weight of a rank comes from its position and the number of elements alone: sine and cosine positions through a
    bidirectional GRU, one score a position, a softmax over the positions. Mean and maximum pooling are special cases.

    Args:
        position_dim: Width of the sine and cosine positions, even; the paper takes 32.
        hidden_dim: Width of a direction of the GRU; the paper takes 32.

    Raises:
        ValueError: A width is not positive, or the positions' is odd.

    Source: Chen, Hu, Wu, Jiang, Wang, "Learning the Best Pooling Strategy for Visual Semantic Embedding", CVPR 2021,
    as CRCL's VSE-infinity takes it: softmax temperature 0.1, the mean of both directions of the GRU.
    """

    def __init__(self, position_dim: int = 32, hidden_dim: int = 32) -> None:
        super().__init__()
        for name, width in (("position_dim", position_dim), ("hidden_dim", hidden_dim)):
            if width < 1:
                raise ValueError(f"{name} is {width}, expected 1 or more")
        if position_dim % 2:
            raise ValueError(f"position_dim is {position_dim}, expected an even number: a sine and a cosine a wave")
        self.gru = nn.GRU(position_dim, hidden_dim, bidirectional=True)
        self.score = nn.Linear(hidden_dim, 1, bias=False)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Pools each row's first elements.

        Args:
            values: (J, B, n) float, the dimension first: values that are sorted together lie together, which halves
                the time of the sort. What stands behind a row's length is ignored.
            lengths: (B,) int64, in [1, n].

        Returns:
            (B, J) float32 or wider.
        """
        if not len(lengths):
            return values.new_zeros(0, len(values))
        weights = self.rank_weights(lengths, values.shape[2])  # (B, n)
        is_padding = ~valid_positions(lengths, values.shape[2])
        if bool(is_padding.any()):
            ranked = values.masked_fill(is_padding, -torch.inf).sort(dim=2, descending=True).values
            # Paddings are last and weigh nothing, but infinity times nothing is no number.
            ranked = ranked.masked_fill(is_padding, 0)
        else:
            ranked = values.sort(dim=2, descending=True).values
        return (ranked * weights).sum(dim=2).t()

    def rank_weights(self, lengths: Tensor, n_positions: int) -> Tensor:
        """Weighs the ranks, the largest value's first.

        Args:
            lengths: (B,) int64, in [1, n].
            n_positions: n.

        Returns:
            (B, n), a row's valid ranks summing to 1 and the others 0.
        """
        # A batch holds few different lengths, and rows of one length share their weights.
        distinct, row_of_length = torch.unique(lengths, return_inverse=True)  # (U,), (B,)
        packing = Packing.of(distinct)
        positions = _wave_positions(packing.n_positions, self.gru.input_size, self.score.weight)
        # Out of autocast's reach: the softmax multiplies the rounding of bfloat16 by 10.
        with torch.autocast(lengths.device.type, enabled=False):
            packed = positions[packing.element_index % packing.n_positions]
            scores = self.score(mean_of_directions(self.gru, packed, packing))  # (V, 1)
        logits = packing.unpack(scores / _WEIGHT_TEMPERATURE).squeeze(2)  # (U, longest)
        weights = logits.masked_fill(~valid_positions(distinct, packing.n_positions), -torch.inf).softmax(dim=1)
        return pad(weights[row_of_length], (0, n_positions - packing.n_positions))


def _wave_positions(n_positions: int, position_dim: int, like: Tensor) -> Tensor:
    """Positions 0 .. n - 1 as sines and cosines, alternating: (n, position_dim), in the dtype of `like`."""
    waves = torch.arange(0, position_dim, 2, device=like.device) * (-math.log(_LONGEST_WAVE) / position_dim)
    angles = torch.arange(n_positions, device=like.device).unsqueeze(1) * waves.exp()
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1).to(like.dtype)
