import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.repair.neighbour_scores import NeighbourScores

N, KINDS = 2_000, 8


def sorted_kinds(seed: int = 0) -> tuple[PairFeatures, "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Pairs of eight kinds, drawn at random; images of a kind look alike and their captions say alike."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, KINDS, N)
    images = np.eye(KINDS)[kinds] + 0.1 * random.normal(size=(N, KINDS))
    captions = np.eye(KINDS)[kinds] + 0.1 * random.normal(size=(N, KINDS))
    rows = np.arange(N)
    return PairFeatures(images.astype(np.float32), captions.astype(np.float32), rows, rows), kinds


class TestNeighbourScores:
    def test_a_caption_of_the_images_kind_scores_higher_than_others(self) -> None:
        features, kinds = sorted_kinds()
        scores = NeighbourScores(features, np.zeros(N, dtype=np.bool_), seed=0)
        rows = np.arange(N)
        others = np.roll(rows, 7)
        found = scores.of_rows(rows, others)
        assert found[kinds[others] == kinds].min() > found[kinds[others] != kinds].max()

    def test_a_block_of_wrong_captions_does_not_vouch_for_itself(self) -> None:
        features, kinds = sorted_kinds()
        rows = np.arange(N)
        wrong = rows.copy()
        wrong[800:900] = 799  # One caption on a hundred images, and nobody has flagged them.
        told = PairFeatures(features.image_features, features.caption_features, rows, wrong)
        scores = NeighbourScores(told, np.zeros(N, dtype=np.bool_), seed=0)
        strange = np.flatnonzero((rows >= 800) & (rows < 900) & (kinds != kinds[799]))
        own = scores.of_rows(strange, strange)
        fitting = np.array([np.flatnonzero(kinds[:799] == kinds[row])[0] for row in strange])
        assert own.max() < scores.of_rows(strange, fitting).min()

    def test_regions_count_by_their_mean(self) -> None:
        features, _ = sorted_kinds()
        regions = np.stack((features.image_features * 2, np.zeros_like(features.image_features)), axis=1)
        of_regions = PairFeatures(regions, features.caption_features, features.image_index, features.caption_index)
        rows, flags = np.arange(N), np.zeros(N, dtype=np.bool_)
        np.testing.assert_allclose(
            NeighbourScores(of_regions, flags, seed=0).of_rows(rows, rows),
            NeighbourScores(features, flags, seed=0).of_rows(rows, rows),
            atol=1e-3,
        )

    def test_where_nearly_all_is_flagged_nothing_is_known(self) -> None:
        features, _ = sorted_kinds()
        assert not NeighbourScores(features, np.arange(N) > 10, seed=0).is_known

    def test_words_are_refused(self) -> None:
        words = PairFeatures(
            np.ones((1, 2), np.float32), np.ones((1, 2), np.int32), np.zeros(1, np.int64), np.zeros(1, np.int64), 3
        )
        with pytest.raises(ValueError, match="words"):
            NeighbourScores(words, np.zeros(1, dtype=np.bool_), seed=0)
