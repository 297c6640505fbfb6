from pathlib import Path

import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.types import FloatArray, IntArray


def _features(
    images: FloatArray | None = None,
    captions: FloatArray | None = None,
    image_index: IntArray | None = None,
    caption_index: IntArray | None = None,
) -> PairFeatures:
    """Two images with two captions each, unless told otherwise."""
    return PairFeatures(
        image_features=np.arange(6, dtype=np.float32).reshape(2, 3) if images is None else images,
        caption_features=np.arange(8, dtype=np.float32).reshape(4, 2) if captions is None else captions,
        image_index=np.array([0, 0, 1, 1]) if image_index is None else image_index,
        caption_index=np.arange(4) if caption_index is None else caption_index,
    )


class TestSizes:
    def test_are_counted_from_the_arrays(self) -> None:
        features = _features()
        assert (features.n_pairs, features.n_images, features.n_captions) == (4, 2, 4)
        assert (features.image_dim, features.caption_dim) == (3, 2)

    def test_captions_per_image_counts_only_images_of_pairs(self) -> None:
        assert _features().captions_per_image == 2
        assert _features().subset(np.array([0, 1])).captions_per_image == 2
        assert _features().subset(np.zeros(0, dtype=np.int64)).captions_per_image == 0


class TestSubset:
    def test_keeps_the_given_pairs_in_the_given_order(self) -> None:
        subset = _features().subset(np.array([3, 0]))
        assert (subset.image_index.tolist(), subset.caption_index.tolist()) == ([1, 0], [3, 0])

    def test_shares_the_vectors(self) -> None:
        features = _features()
        assert features.subset(np.array([0])).image_features is features.image_features


class TestFingerprint:
    def test_is_the_same_in_memory_and_memory_mapped(self, tmp_path: Path) -> None:
        in_memory = _features()
        np.save(tmp_path / "images.npy", in_memory.image_features)
        mapped = _features(images=np.load(tmp_path / "images.npy", mmap_mode="r"))
        assert mapped.fingerprint() == in_memory.fingerprint()

    def test_differs_when_one_number_differs(self) -> None:
        images = np.arange(6, dtype=np.float32).reshape(2, 3)
        images[1, 2] += 1
        assert _features(images=images).fingerprint() != _features().fingerprint()

    def test_differs_when_the_pairs_differ(self) -> None:
        assert _features(image_index=np.array([0, 1, 1, 1])).fingerprint() != _features().fingerprint()

    def test_refuses_a_vector_that_is_not_finite_and_names_its_row(self) -> None:
        captions = np.zeros((4, 2), dtype=np.float32)
        captions[2, 1] = np.nan
        with pytest.raises(ValueError, match="caption_features row 2 holds a number that is not finite"):
            _features(captions=captions).fingerprint()


class TestValidation:
    def test_refuses_double_precision(self) -> None:
        with pytest.raises(ValueError, match="image_features is float64 with 2 axes, expected float32"):
            _features(images=np.zeros((2, 3)))  # type: ignore[arg-type]  # the wrong type is the test

    def test_refuses_vectors_with_one_axis(self) -> None:
        with pytest.raises(ValueError, match="caption_features is float32 with 1 axes"):
            _features(captions=np.zeros(4, dtype=np.float32))

    def test_refuses_indices_of_two_lengths(self) -> None:
        with pytest.raises(ValueError, match="image_index has 3 entries and caption_index 4"):
            _features(image_index=np.array([0, 0, 1]))

    @pytest.mark.parametrize("bad", [-1, 2])
    def test_refuses_an_index_outside_its_vectors(self, bad: int) -> None:
        with pytest.raises(ValueError, match=r"image_index spans .*, expected rows 0 to 1"):
            _features(image_index=np.array([0, 0, 1, bad]))


class TestRegionsAndWords:
    def test_sizes_are_those_of_a_region_and_of_the_longest_caption(self) -> None:
        features = _worded([[1, 2, 0], [3, 0, 0]])
        assert (features.n_regions, features.image_dim) == (5, 4)
        assert (features.has_tokens, features.caption_dim, features.n_captions) == (True, 3, 2)

    def test_vectors_have_neither(self) -> None:
        assert (_features().n_regions, _features().has_tokens) == (None, False)

    def test_a_subset_keeps_the_vocabulary(self) -> None:
        assert _worded([[1, 0], [2, 0]]).subset(np.array([1])).vocabulary_size == 4

    def test_the_fingerprint_differs_with_the_vocabulary(self) -> None:
        assert _worded([[1], [2]]).fingerprint() != _worded([[1], [2]], vocabulary_size=5).fingerprint()

    def test_a_region_that_is_not_finite_is_found(self) -> None:
        features = _worded([[1], [2]])
        features.image_features[1, 2, 3] = np.nan
        with pytest.raises(ValueError, match="image_features row 1 holds a number that is not finite"):
            features.fingerprint()

    @pytest.mark.parametrize("bad", [[0, 0], [1, 0, 2], [0, 1]])
    def test_refuses_a_caption_that_is_not_words_and_then_zeros(self, bad: list[int]) -> None:
        first = [1] * len(bad)
        with pytest.raises(ValueError, match="row 1 is not one word id or more and then zeros"):
            _worded([first, bad])

    @pytest.mark.parametrize("bad", [4, -1])
    def test_refuses_an_id_outside_the_vocabulary(self, bad: int) -> None:
        with pytest.raises(ValueError, match="expected 1 to 3"):
            _worded([[1], [bad]])

    def test_refuses_words_without_their_vocabulary(self) -> None:
        with pytest.raises(ValueError, match="caption_features is int32 with 2 axes, expected float32"):
            _worded([[1], [2]], vocabulary_size=None)


def _worded(tokens: list[list[int]], vocabulary_size: int | None = 4) -> PairFeatures:
    """Two images of five regions, four wide, with one caption each."""
    return PairFeatures(
        image_features=np.ones((2, 5, 4), dtype=np.float32),
        caption_features=np.array(tokens, dtype=np.int32),
        image_index=np.arange(2),
        caption_index=np.arange(2),
        vocabulary_size=vocabulary_size,
    )
