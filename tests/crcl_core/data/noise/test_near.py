import numpy as np
import pytest

from crcl_core.data.noise import near, near_noise
from crcl_core.types import FloatArray, IntArray


def _vectors(n_images: int, dim: int = 8, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(n_images, dim)).astype(np.float32)


def _slow_neighbours(vectors: FloatArray, image: int, k: int) -> list[int]:
    """The k nearest other images by cosine, one by one."""
    cosines = {
        other: float(vectors[image] @ vector / np.linalg.norm(vectors[image]) / np.linalg.norm(vector))
        for other, vector in enumerate(vectors)
        if other != image
    }
    return sorted(cosines, key=lambda other: (-cosines[other], other))[:k]


class TestNeighbours:
    @pytest.mark.parametrize("k", [1, 3])
    def test_every_image_given_is_among_the_nearest(self, k: int) -> None:
        vectors, true_index = _vectors(40), np.repeat(np.arange(40), 3)
        noisy = near_noise(true_index, vectors, 1.0, 7, n_neighbours=k)
        for true, given in zip(true_index.tolist(), noisy.image_index.tolist(), strict=True):
            assert given in _slow_neighbours(vectors, true, k)

    def test_all_of_the_nearest_are_drawn(self) -> None:
        vectors = _vectors(10)
        noisy = near_noise(np.zeros(100, dtype=np.int64), vectors, 1.0, 7)
        assert not noisy.is_mismatch.any()  # Only images of the pairs are given, and here that is one.
        noisy = near_noise(np.r_[np.zeros(100, np.int64), np.arange(10)], vectors, 1.0, 7, n_neighbours=3)
        assert set(noisy.image_index[:100].tolist()) == set(_slow_neighbours(vectors, 0, 3))

    def test_blocks_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        vectors, true_index = _vectors(50), np.arange(50)
        whole = near_noise(true_index, vectors, 0.5, 7, n_neighbours=4)
        monkeypatch.setattr(near, "_BLOCK_ELEMENTS", 3 * 50)
        blocked = near_noise(true_index, vectors, 0.5, 7, n_neighbours=4)
        np.testing.assert_array_equal(whole.image_index, blocked.image_index)

    def test_equal_neighbours_are_taken_in_order(self) -> None:
        # Three neighbours at the same angle from image 0, of which two are wanted.
        vectors = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]], dtype=np.float32)
        true_index = np.r_[np.zeros(50, np.int64), np.arange(4)]
        noisy = near_noise(true_index, vectors, 1.0, 0, n_neighbours=2)
        assert set(noisy.image_index[:50].tolist()) == {1, 2}

    def test_lengths_of_vectors_do_not_matter(self) -> None:
        vectors, true_index = _vectors(20), np.arange(20)
        scaled = vectors * np.linspace(0.1, 9, 20, dtype=np.float32)[:, None]
        np.testing.assert_array_equal(
            near_noise(true_index, vectors, 1.0, 3).image_index, near_noise(true_index, scaled, 1.0, 3).image_index
        )

    def test_of_regions_the_mean_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        regions, true_index = _vectors(60).reshape(20, 3, 8), np.arange(20)
        pooled = near_noise(true_index, regions.mean(axis=1), 1.0, 3)
        monkeypatch.setattr(near, "_BLOCK_ELEMENTS", 7 * 24)
        np.testing.assert_array_equal(near_noise(true_index, regions, 1.0, 3).image_index, pooled.image_index)

    def test_a_copy_is_no_neighbour(self) -> None:
        vectors = np.array([[1, 2], [1, 2], [2, 4], [1, -5]], dtype=np.float32)
        noisy = near_noise(np.arange(4), vectors, 1.0, 0, n_neighbours=1)
        assert noisy.image_index[:3].tolist() == [3, 3, 3]

    def test_without_any_but_copies_the_pair_stays(self) -> None:
        noisy = near_noise(np.arange(3), np.ones((3, 4), dtype=np.float32), 1.0, 0)
        assert noisy.image_index.tolist() == [0, 1, 2]
        assert not noisy.is_mismatch.any()

    def test_a_vector_of_zeros_is_near_to_nothing_but_allowed(self) -> None:
        vectors = np.array([[0, 0], [1, 0], [1, 1]], dtype=np.float32)
        assert near_noise(np.arange(3), vectors, 1.0, 0, n_neighbours=1).image_index.tolist() == [1, 2, 1]


class TestPairs:
    def test_exactly_the_chosen_share_mismatches(self) -> None:
        true_index = np.repeat(np.arange(30), 5)
        noisy = near_noise(true_index, _vectors(30), 0.4, 1)
        assert noisy.is_mismatch.sum() == 60
        np.testing.assert_array_equal(noisy.is_mismatch, noisy.image_index != true_index)

    def test_images_without_a_pair_are_not_given(self) -> None:
        true_index = np.array([1, 4, 6, 9])
        noisy = near_noise(true_index, _vectors(10), 1.0, 1, n_neighbours=9)
        assert set(noisy.image_index.tolist()) <= set(true_index.tolist())
        assert noisy.is_mismatch.all()

    def test_the_seed_decides(self) -> None:
        vectors, true_index = _vectors(40), np.arange(40)
        first, same, other = (near_noise(true_index, vectors, 0.5, seed).image_index for seed in (7, 7, 8))
        np.testing.assert_array_equal(first, same)
        assert (first != other).any()


class TestLimits:
    @pytest.mark.parametrize("n_images", [0, 1, 12])
    def test_a_ratio_of_zero_changes_nothing(self, n_images: int) -> None:
        assert not near_noise(np.arange(n_images), _vectors(n_images), 0.0, 0).is_mismatch.any()

    @pytest.mark.parametrize("n_images", [0, 1])
    def test_without_another_image_nothing_changes(self, n_images: int) -> None:
        assert not near_noise(np.arange(n_images), _vectors(n_images), 1.0, 0).is_mismatch.any()


class TestRefusals:
    @pytest.mark.parametrize(
        ("true_index", "vectors", "ratio", "n_neighbours", "message"),
        [
            (np.arange(4), _vectors(4), 1.5, 1, "ratio is 1.5"),
            (np.arange(4), _vectors(4), 0.5, 0, "n_neighbours is 0"),
            (np.arange(4), _vectors(3), 0.5, 1, "image_index spans 0 to 3, expected rows 0 to 2"),
            (np.arange(4), _vectors(4)[0], 0.5, 1, "image_vectors has 1 axes"),
        ],
    )
    def test_name_what_came(
        self, true_index: IntArray, vectors: FloatArray, ratio: float, n_neighbours: int, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            near_noise(true_index, vectors, ratio, 0, n_neighbours=n_neighbours)
