"""A bidirectional GRU over rows of different lengths, summed up as the mean of its two directions."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from crcl_core.models.gru_direction import GruWeights, run_direction


@final
@dataclass(frozen=True)
class Packing:
    """Where the elements of B rows of different lengths lie when they are stored step by step, without padding.

    Step t holds element t of every row longer than t, the longest row first: V elements in all.

    Args:
        element_index: (V,) int64, each stored element's place in the rows, flattened: row * T + position.
        step_sizes: Rows longer than t, for each step t; never rising.
        n_rows: B.
        n_positions: T, the longest row.
    """

    element_index: Tensor
    step_sizes: tuple[int, ...]
    n_rows: int
    n_positions: int

    @classmethod
    def of(cls, lengths: Tensor) -> "Packing":
        """Packs rows of (B,) int64 lengths, 1 or more; at least one row."""
        n_positions = int(lengths.max())
        order = lengths.argsort(descending=True, stable=True)
        is_valid = valid_positions(lengths[order], n_positions).t()  # (T, B): step by step, the longest row first
        step, place = is_valid.nonzero(as_tuple=True)
        step_sizes = tuple(is_valid.sum(dim=1).tolist())
        return cls(order[place] * n_positions + step, step_sizes, len(lengths), n_positions)

    def pack(self, rows: Tensor) -> Tensor:
        """(B, T or more, ...) -> (V, ...), what stands behind a row's length left out."""
        return rows[:, : self.n_positions].flatten(0, 1)[self.element_index]

    def unpack(self, packed: Tensor) -> Tensor:
        """(V, J) -> (B, T, J), zeros behind a row's length."""
        width = packed.shape[1]
        rows = packed.new_zeros(self.n_rows * self.n_positions, width)
        return rows.index_copy(0, self.element_index, packed).view(self.n_rows, self.n_positions, width)


def valid_positions(lengths: Tensor, n_positions: int) -> Tensor:
    """Marks the positions that each row fills: (B,) lengths -> (B, n_positions) bool."""
    return torch.arange(n_positions, device=lengths.device) < lengths.unsqueeze(1)


def mean_of_directions(gru: nn.GRU, packed: Tensor, packing: Packing) -> Tensor:
    """Runs a bidirectional GRU of one layer and averages its directions.

    Args:
        gru: Bidirectional, of one layer, with biases. Its own forward runs on accelerators; on the CPU it holds the
            weights, and the steps are `run_direction`'s, which take two thirds of the time of PyTorch's.
        packed: (V, D) float, the elements of the rows.
        packing: Where they lie.

    Returns:
        (V, J). The backward direction of a row starts at the row's own last element.
    """
    if packed.device.type != "cpu":
        both: Tensor = gru(PackedSequence(packed, torch.tensor(packing.step_sizes)))[0].data  # (V, 2 J)
        return both.view(len(packed), 2, -1).mean(dim=1)
    onward = run_direction(packed, _weights(gru, ""), packing.step_sizes, is_backward=False)
    back = run_direction(packed, _weights(gru, "_reverse"), packing.step_sizes, is_backward=True)
    return (onward + back).div_(2)


def _weights(gru: nn.GRU, suffix: str) -> GruWeights:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return GruWeights(*(getattr(gru, f"{name}_l0{suffix}") for name in names))
