"""Tests of dividing a feature map into regions."""

import math

import numpy as np
import pytest
import torch

from crcl_core.encoders.region_grid import RegionGrid
from crcl_core.types import FloatArray


def _grid(rows: int, columns: int) -> RegionGrid:
    return RegionGrid(rows=rows, columns=columns, dim=3, source="test")


def _slow_regions(feature_map: FloatArray, n_grid_regions: int) -> FloatArray:
    """Average position by position, (rows, columns, D) to (n_grid_regions + 1, D)."""
    side = math.isqrt(n_grid_regions)
    rows, columns, _ = feature_map.shape
    regions = []
    for cell_row in range(side):
        for cell_column in range(side):
            inside = [
                feature_map[row, column]
                for row in range(math.floor(cell_row * rows / side), math.ceil((cell_row + 1) * rows / side))
                for column in range(
                    math.floor(cell_column * columns / side), math.ceil((cell_column + 1) * columns / side)
                )
            ]
            regions.append(np.mean(inside, axis=0))
    regions.append(feature_map.reshape(rows * columns, -1).mean(axis=0))
    return np.stack(regions).astype(np.float32)


class TestWeights:
    @pytest.mark.parametrize(("rows", "columns"), [(7, 7), (4, 4), (5, 3), (1, 1), (14, 24)])
    def test_regions_equal_plain_averages(self, rows: int, columns: int) -> None:
        grid = _grid(rows, columns)
        feature_map = np.random.default_rng(rows).normal(size=(rows, columns, 3)).astype(np.float32)

        for number in grid.numbers():
            found = grid.weights(number) @ feature_map.reshape(-1, 3)
            np.testing.assert_allclose(found, _slow_regions(feature_map, number), atol=1e-6)

    def test_equal_pytorchs_adaptive_pooling(self) -> None:
        feature_map = torch.randn(1, 3, 7, 7, generator=torch.Generator().manual_seed(0))

        expected = torch.nn.functional.adaptive_avg_pool2d(feature_map, 3).flatten(2)[0].T
        found = torch.from_numpy(_grid(7, 7).weights(9)) @ feature_map.flatten(2)[0].T

        torch.testing.assert_close(found[:-1], expected, atol=1e-6, rtol=0)

    def test_a_map_of_two_by_two_by_hand(self) -> None:
        grid = _grid(2, 2)

        np.testing.assert_array_equal(grid.weights(1), [[0.25] * 4] * 2)
        np.testing.assert_array_equal(grid.weights(4), [*np.eye(4), [0.25] * 4])

    def test_cells_run_row_by_row(self) -> None:
        top_right = np.zeros((4, 4), dtype=np.float32)
        top_right[:2, 2:] = 1.0

        assert (_grid(4, 4).weights(4) @ top_right.reshape(-1)).tolist() == [0.0, 1.0, 0.0, 0.0, 0.25]

    @pytest.mark.parametrize("number", [0, -1, 2, 8, 36, 64])
    def test_another_number_lists_what_is_allowed(self, number: int) -> None:
        with pytest.raises(
            ValueError, match=rf"n_grid_regions is {number}, expected .* 7 x 5 positions holds: 1, 4, 9, 16, 25$"
        ):
            _grid(7, 5).weights(number)


class TestFingerprint:
    def test_tells_encoders_maps_and_numbers_apart(self) -> None:
        kinds = {
            _grid(7, 7).fingerprint("a", 9),
            _grid(7, 7).fingerprint("b", 9),
            _grid(7, 7).fingerprint("a", 4),
            _grid(8, 7).fingerprint("a", 9),
            RegionGrid(rows=7, columns=7, dim=3, source="another").fingerprint("a", 9),
        }

        assert len(kinds) == 5
        assert {len(kind) for kind in kinds} == {64}

    def test_refuses_a_number_that_gives_no_regions(self) -> None:
        with pytest.raises(ValueError, match="n_grid_regions is 5"):
            _grid(7, 7).fingerprint("a", 5)
