import numpy as np
import pytest

from crcl_core.detection.initial_labels import initial_labels_with_decoys

_NAN = float("nan")


class TestInitialLabelsWithDecoys:
    def test_without_an_earlier_detection_there_are_none(self) -> None:
        assert initial_labels_with_decoys(None, 5, seed=0) is None

    def test_decoys_begin_as_mismatches_do(self) -> None:
        labels = np.array([0.0] * 30 + [1.0] * 70)
        found = initial_labels_with_decoys(labels, 50, seed=0)
        assert found is not None
        assert found[:100].tolist() == labels.tolist()
        assert set(found[100:]) == {0.0}

    def test_as_many_are_unknown_as_of_the_pairs(self) -> None:
        labels = np.concatenate((np.full(300, 0.2), np.full(100, _NAN)))
        found = initial_labels_with_decoys(labels, 4_000, seed=1)
        assert found is not None
        assert np.isnan(found[400:]).mean() == pytest.approx(0.25, abs=0.03)

    @pytest.mark.parametrize("labels", [[1.0, 1.0], [_NAN, _NAN]])
    def test_where_nothing_is_known_to_mismatch_they_begin_like_new_pairs(self, labels: list[float]) -> None:
        found = initial_labels_with_decoys(np.array(labels), 3, seed=0)
        assert found is not None
        assert np.isnan(found[2:]).all()

    def test_the_same_seed_draws_the_same(self) -> None:
        labels = np.linspace(0, 1, 50)
        np.testing.assert_array_equal(
            initial_labels_with_decoys(labels, 20, seed=3), initial_labels_with_decoys(labels, 20, seed=3)
        )
