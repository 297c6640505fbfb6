"""Regions of an image: the positions of a feature map averaged into fewer square cells, and the average of them all."""

import hashlib
from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.types import FloatArray

# Goes into the fingerprint: raise the number whenever the same feature map would give other regions.
_RECIPE = "regions 1: adaptive mean over square cells, row by row, then the mean of all positions"


@final
@dataclass(frozen=True, slots=True)
class RegionGrid:
    """The last feature map of an encoder, and how regions are made of it.

    A grid of s by s cells divides the rows and the columns of the map as evenly as whole positions allow: cell i of s
    spans positions floor(i n / s) to ceil((i + 1) n / s) of n, so that neighbours may share a row or a column. This is
    what PyTorch calls adaptive average pooling.

    Args:
        rows: Rows of the feature map.
        columns: Columns of the feature map.
        dim: Width of a position, and so of a region.
        source: What the feature map is, in words; part of the fingerprint.
    """

    rows: int
    columns: int
    dim: int
    source: str

    def numbers(self) -> tuple[int, ...]:
        """The numbers of grid regions that this map can give: the squares up to its shorter side."""
        return tuple(side * side for side in range(1, min(self.rows, self.columns) + 1))

    def weights(self, n_grid_regions: int) -> FloatArray:
        """What each position counts in each region.

        Args:
            n_grid_regions: One of `numbers`.

        Returns:
            (R, P) float32 with R = n_grid_regions + 1 and P = rows * columns, both row by row; every row adds up to 1.
            Multiplied with the positions (P, D) it gives the regions (R, D), the last one global.

        Raises:
            ValueError: The map cannot be divided into so many cells.
        """
        side = self._side(n_grid_regions)
        # (s * s, rows * columns): the weight of a position is that of its row times that of its column.
        cells = np.kron(_cell_means(self.rows, side), _cell_means(self.columns, side))
        everywhere = np.full((1, self.rows * self.columns), 1.0 / (self.rows * self.columns))
        return np.concatenate([cells, everywhere]).astype(np.float32)

    def fingerprint(self, encoder_fingerprint: str, n_grid_regions: int) -> str:
        """SHA-256 in hex over the encoder and what its regions are made of.

        Raises:
            ValueError: The map cannot be divided into so many cells.
        """
        side = self._side(n_grid_regions)
        described = f"{encoder_fingerprint}\n{_RECIPE}\n{self.source}, {self.rows} x {self.columns} to {side} x {side}"
        return hashlib.sha256(described.encode()).hexdigest()

    def _side(self, n_grid_regions: int) -> int:
        allowed = self.numbers()
        if n_grid_regions not in allowed:
            raise ValueError(
                f"n_grid_regions is {n_grid_regions}, expected a square number that a feature map of {self.rows} x "
                f"{self.columns} positions holds: {', '.join(str(number) for number in allowed)}"
            )
        return allowed.index(n_grid_regions) + 1


def _cell_means(n_positions: int, n_cells: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    means = np.zeros((n_cells, n_positions))
    for cell in range(n_cells):
        start = cell * n_positions // n_cells
        end = -(-(cell + 1) * n_positions // n_cells)
        means[cell, start:end] = 1.0 / (end - start)
    return means
