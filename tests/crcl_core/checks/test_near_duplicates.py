import numpy as np
import pytest

from crcl_core.checks import find_near_duplicates as find
from crcl_core.types import FloatArray

RIGHT, UP, LEFT = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)


def vectors(*rows: tuple[float, ...]) -> FloatArray:
    return np.array(rows, dtype=np.float32)


class TestNearDuplicates:
    def test_scores_are_distances_to_the_nearest_other(self) -> None:
        found = find(vectors(RIGHT, UP, (3, 3), LEFT), threshold=0.1)
        assert found.scores == pytest.approx([1 - 0.5**0.5] * 3 + [1])
        assert found.sets.tolist() == [-1] * 4

    def test_the_largest_set_comes_first(self) -> None:
        found = find(vectors(UP, LEFT, RIGHT, (0, 5), (-1, 0.01), (-2, 0)), threshold=0.1)
        assert found.sets.tolist() == [1, 0, -1, 1, 0, 0]

    def test_a_hundred_copies_form_one_set(self) -> None:
        found = find(np.tile(vectors(UP), (100, 1)), threshold=0.1)
        assert set(found.sets.tolist()) == {0}
        assert found.scores.max() == pytest.approx(0, abs=1e-6)

    def test_what_is_near_to_something_is_in_a_set_and_nothing_else(self) -> None:
        random = np.random.default_rng(0)
        found = find(random.normal(size=(300, 4)).astype(np.float32), threshold=0.02)
        assert ((found.scores < 0.02) == (found.sets >= 0)).all()
        assert 0 < (found.sets >= 0).sum() < 300
        assert np.bincount(found.sets[found.sets >= 0]).min() >= 2

    def test_blocks_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        random = np.random.default_rng(0)
        rows = random.normal(size=(200, 4)).astype(np.float32)
        whole = find(rows, threshold=0.02)
        monkeypatch.setattr("crcl_core.checks.near_duplicates._BLOCK_ELEMENTS", 200 * 7)
        parts = find(rows, threshold=0.02)
        assert parts.sets.tolist() == whole.sets.tolist()
        np.testing.assert_allclose(parts.scores, whole.scores, atol=1e-6)

    def test_zeros_are_near_to_nothing(self) -> None:
        assert find(vectors((0, 0), (0, 0), UP), threshold=0.5).scores.tolist() == [1, 1, 1]

    @pytest.mark.parametrize("n_items", [0, 1])
    def test_nobody_has_no_duplicate(self, n_items: int) -> None:
        found = find(np.ones((n_items, 3), dtype=np.float32), threshold=0.5)
        assert (found.scores.tolist(), found.sets.tolist()) == ([1] * n_items, [-1] * n_items)
