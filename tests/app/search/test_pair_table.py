from pathlib import Path

import numpy as np
import pytest

from app.search.pair_table import Flagged, PairCondition, PairTable, Returns

# Pairs 0 to 4 of images 0, 0, 1, 2, 2 with captions 0, 1, 1, 2, 0.
TABLE = PairTable([0, 0, 1, 2, 2], [0, 1, 1, 2, 0], [0.1, 0.9, 0.7, 0.2, 0.5])


class TestPairTable:
    def test_without_a_filter_there_is_no_mask(self) -> None:
        assert TABLE.passing(PairCondition(0.5)) is None

    @pytest.mark.parametrize(
        ("condition", "passing"),
        [
            (PairCondition(0.5, Flagged.ONLY), [0, 3]),
            (PairCondition(0.5, Flagged.EXCLUDE), [1, 2, 4]),
            (PairCondition(0.5, Flagged.ANY, 0.7), [1, 2]),
            (PairCondition(0.7, Flagged.ONLY, 0.2), [3, 4]),
            (PairCondition(0.0, Flagged.ONLY), []),
        ],
    )
    def test_bounds_are_those_of_the_report(self, condition: PairCondition, passing: list[int]) -> None:
        mask = TABLE.passing(condition)
        assert mask is not None
        assert np.flatnonzero(mask).tolist() == passing

    def test_a_group_has_its_pairs_that_pass(self) -> None:
        mask = TABLE.passing(PairCondition(0.5, Flagged.EXCLUDE))
        images = TABLE.groups(Returns.IMAGES)
        assert [images.members(image, None).tolist() for image in range(3)] == [[0, 1], [2], [3, 4]]
        assert [images.members(image, mask).tolist() for image in range(3)] == [[1], [2], [4]]

    def test_an_image_qualifies_when_one_of_its_pairs_does(self) -> None:
        mask = TABLE.passing(PairCondition(0.15, Flagged.ONLY))
        assert mask is not None
        assert TABLE.groups(Returns.IMAGES).with_any(mask, 3).tolist() == [True, False, False]
        assert TABLE.groups(Returns.CAPTIONS).with_any(mask, 3).tolist() == [True, False, False]

    def test_a_group_without_pairs_is_empty(self) -> None:
        assert TABLE.groups(Returns.IMAGES).members(7, None).tolist() == []

    def test_it_reads_what_a_run_publishes(self, tmp_path: Path) -> None:
        path = tmp_path / "pairs.npz"
        np.savez(path, image_index=[0, 1], caption_index=[0, 0], correspondence=np.array([0.25, 1], np.float32))
        table = PairTable.read(path)
        assert table.groups(Returns.CAPTIONS).members(0, None).tolist() == [0, 1]
