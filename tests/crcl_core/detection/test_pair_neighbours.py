import numpy as np
import pytest

from crcl_core.detection import nearest_pairs, pair_neighbours
from crcl_core.types import FloatArray, IntArray


def slow_nearest(vectors: FloatArray, index: IntArray, k: int) -> tuple[list[list[int]], list[list[float]]]:
    """All other pairs, sorted by the distance of their vectors, then by number; pairs of one vector come first."""
    neighbours, distances = [], []
    for pair in range(len(index)):
        found = []
        for other in range(len(index)):
            a, b = vectors[index[pair]].astype(np.float64), vectors[index[other]].astype(np.float64)
            is_own = index[pair] == index[other]
            distance = 0.0 if is_own else float(1 - a @ b / np.sqrt((a @ a) * (b @ b)))
            if other != pair:
                found.append((not is_own, round(distance, 5), int(index[other]), other, distance))
        found.sort()
        neighbours.append([entry[3] for entry in found[:k]])
        distances.append([entry[4] for entry in found[:k]])
    return neighbours, distances


def _vectors(n: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32) * 3


class TestNearestPairs:
    @pytest.mark.parametrize("k", [1, 4, 11])
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_the_slow_oracle_with_siblings(self, seed: int, k: int) -> None:
        index = np.random.default_rng(seed).integers(0, 12, size=30)
        found = nearest_pairs(_vectors(14, seed), index, k)
        expected, distances = slow_nearest(_vectors(14, seed), index, k)
        assert found.pairs.tolist() == expected
        np.testing.assert_allclose(found.distances, distances, atol=1e-6)

    def test_equals_it_in_many_small_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pair_neighbours, "_BLOCK_ELEMENTS", 40)
        monkeypatch.setattr(pair_neighbours, "_LISTED_AT_ONCE", 50)
        index = np.random.default_rng(0).integers(0, 12, size=30)
        assert nearest_pairs(_vectors(14, 0), index, 4).pairs.tolist() == slow_nearest(_vectors(14, 0), index, 4)[0]

    def test_three_pairs_by_hand(self) -> None:
        vectors = np.array([[1, 0], [0, 2], [3, 3]], dtype=np.float32)
        found = nearest_pairs(vectors, np.arange(3), 2)
        assert found.pairs.tolist() == [[2, 1], [2, 0], [0, 1]]
        np.testing.assert_allclose(found.distances[0], [1 - np.sqrt(0.5), 1.0], atol=1e-6)

    def test_more_pairs_of_one_vector_than_neighbours(self) -> None:
        found = nearest_pairs(np.eye(2, dtype=np.float32), np.array([0, 0, 0, 0, 1]), 2)
        assert found.pairs.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]
        assert found.distances[:4].tolist() == [[0, 0]] * 4

    def test_fewer_pairs_than_neighbours_leave_places_empty(self) -> None:
        found = nearest_pairs(np.eye(2, dtype=np.float32), np.array([0, 1]), 3)
        assert found.pairs.tolist() == [[1, -1, -1], [0, -1, -1]]

    def test_a_single_pair_has_no_neighbour(self) -> None:
        assert nearest_pairs(np.eye(1, dtype=np.float32), np.array([0]), 2).pairs.tolist() == [[-1, -1]]

    def test_no_pair_at_all(self) -> None:
        assert nearest_pairs(np.eye(2, dtype=np.float32), np.array([], dtype=np.int64), 2).pairs.shape == (0, 2)

    def test_vectors_without_pairs_are_no_neighbours(self) -> None:
        vectors = np.array([[1, 0], [1, 0.01], [0, 1]], dtype=np.float32)
        assert nearest_pairs(vectors, np.array([0, 2]), 1).pairs.tolist() == [[1], [0]]

    def test_no_neighbour_at_all_is_refused(self) -> None:
        with pytest.raises(ValueError, match="k is 0, expected 1 or more"):
            nearest_pairs(np.eye(2, dtype=np.float32), np.array([0, 1]), 0)
