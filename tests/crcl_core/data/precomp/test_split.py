from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from crcl_core.data import Vocabulary
from crcl_core.data.noise import caption_level_noise, image_level_noise
from crcl_core.data.noise_index import NoiseIndexKind, save_caption_to_image, save_image_permutation
from crcl_core.data.precomp import PrecompSplit, read_precomp
from crcl_core.types import FloatArray


def _regions(n_rows: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(n_rows, 3, 4)).astype(np.float32)


def _folder(
    folder: Path,
    features: npt.NDArray[np.generic],
    captions: Sequence[str] | int,
    ids: Sequence[object] | None = None,
) -> Path:
    """Writes a split "train" by hand, as others do."""
    texts = [f"caption {number}" for number in range(captions)] if isinstance(captions, int) else captions
    np.save(folder / "train_ims.npy", features)
    (folder / "train_caps.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    if ids is not None:
        (folder / "train_ids.txt").write_text("".join(f"{one}\n" for one in ids))
    return folder


def _read(folder: Path) -> PrecompSplit:
    return read_precomp(folder, "train")


class TestFeatures:
    def test_stay_on_disk(self, tmp_path: Path) -> None:
        regions = _regions(4)
        split = _read(_folder(tmp_path, regions, 4))
        assert isinstance(split.image_features, np.memmap)
        np.testing.assert_array_equal(split.image_features, regions)

    def test_may_be_one_vector_an_image(self, tmp_path: Path) -> None:
        assert _read(_folder(tmp_path, _regions(4)[:, 0], 8)).image_features.shape == (4, 4)

    @pytest.mark.parametrize(
        ("features", "message"),
        [
            (_regions(4).astype(np.float64), r"row-major float64 \(4, 3, 4\), expected row-major float32"),
            (_regions(4)[:, 0, 0], r"row-major float32 \(4,\), expected row-major float32 \(I, R, D\) or \(I, D\)"),
            (np.asfortranarray(_regions(4)), r"column-major float32 \(4, 3, 4\)"),
            (_regions(0), r"the shape \(0, 3, 4\), expected at least one image"),
            (_regions(2)[:, :0], r"the shape \(2, 0, 4\), expected at least one image with features"),
        ],
    )
    def test_of_another_form_are_refused(self, tmp_path: Path, features: npt.NDArray[np.generic], message: str) -> None:
        with pytest.raises(ValueError, match=rf"train_ims\.npy (holds|has) {message}"):
            _read(_folder(tmp_path, features, 4))

    def test_that_are_cut_off_are_refused(self, tmp_path: Path) -> None:
        path = _folder(tmp_path, _regions(4), 4) / "train_ims.npy"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ValueError, match=r"train_ims\.npy cannot be read"):
            _read(tmp_path)

    @pytest.mark.parametrize("name", ["train_ims.npy", "train_caps.txt"])
    def test_and_captions_must_be_there(self, tmp_path: Path, name: str) -> None:
        (_folder(tmp_path, _regions(4), 4) / name).unlink()
        with pytest.raises(FileNotFoundError, match=name):
            _read(tmp_path)


class TestAsManyCaptionsOfEachImage:
    @pytest.mark.parametrize("n_each", [2, 3, 5])
    def test_belong_to_the_images_in_turn(self, tmp_path: Path, n_each: int) -> None:
        split = _read(_folder(tmp_path, _regions(4), 4 * n_each))
        np.testing.assert_array_equal(split.image_index, np.arange(4).repeat(n_each))
        np.testing.assert_array_equal(split.row_index, split.image_index)
        assert split.image_ids is None

    def test_may_have_an_id_for_each_image(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(2), 4, ids=["a", "b"]))
        assert split.image_ids == ("a", "b")
        assert split.image_index.tolist() == [0, 0, 1, 1]

    def test_may_have_an_id_of_their_own(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(2), 4, ids=range(4)))
        assert split.image_ids is None
        assert split.image_index.tolist() == [0, 0, 1, 1]

    @pytest.mark.parametrize("n_captions", [3, 7, 0])
    def test_is_what_the_counts_must_allow(self, tmp_path: Path, n_captions: int) -> None:
        with pytest.raises(ValueError, match=rf"4 rows for {n_captions} captions and no ids"):
            _read(_folder(tmp_path, _regions(4), n_captions))

    def test_is_what_the_ids_must_allow(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"2 rows for 4 captions and 3 ids \(3 distinct\)"):
            _read(_folder(tmp_path, _regions(2), 4, ids=range(3)))

    def test_is_not_assumed_when_ids_of_captions_name_more_images(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"2 rows for 4 captions and 4 ids \(3 distinct\)"):
            _read(_folder(tmp_path, _regions(2), 4, ids=[0, 1, 2, 2]))


class TestIdsOfCaptions:
    def test_say_which_image_has_how_many(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(3), 6, ids=["x", "y", "y", "y", "z", "z"]))
        assert split.image_index.tolist() == [0, 1, 1, 1, 2, 2]
        assert split.image_ids == ("x", "y", "z")

    def test_may_leave_the_counts_uneven(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(2), 5, ids=["x", "x", "x", "y", "y"]))
        assert split.image_index.tolist() == [0, 0, 0, 1, 1]

    def test_may_interleave_images(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(2), 4, ids=["x", "y", "x", "y"]))
        assert split.image_index.tolist() == [0, 1, 0, 1]


class TestAsManyRowsAsCaptions:
    def test_of_different_images_are_one_to_one(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(6), 6, ids=range(6)))
        assert split.image_index.tolist() == [0, 1, 2, 3, 4, 5]
        assert split.image_ids == tuple("012345")

    @pytest.mark.parametrize("n_each", [2, 3, 5])
    @pytest.mark.parametrize("ids", [None, "a row", "an image"])
    def test_of_repeated_images_are_as_many_captions_each(self, tmp_path: Path, n_each: int, ids: str | None) -> None:
        regions = _regions(4)
        names = {"a row": np.arange(4).repeat(n_each).tolist(), "an image": list(range(4))}.get(ids or "")
        split = _read(_folder(tmp_path, regions.repeat(n_each, axis=0), 4 * n_each, ids=names))
        np.testing.assert_array_equal(split.image_features, regions)
        np.testing.assert_array_equal(split.image_index, np.arange(4).repeat(n_each))
        np.testing.assert_array_equal(split.row_index, np.arange(4 * n_each))
        assert split.image_ids == (None if ids is None else tuple("0123"))

    def test_of_images_that_are_repeated_unequally_often_keep_their_rows(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(2)[[0, 0, 1, 1, 1]], 5))
        assert len(split.image_features) == 5
        np.testing.assert_array_equal(split.image_index, [0, 0, 2, 2, 2])

    def test_of_repeated_images_two_of_which_are_copies_keep_the_ratio(self, tmp_path: Path) -> None:
        regions = _regions(3)[[0, 0, 1, 0, 2]].repeat(2, axis=0)
        split = _read(_folder(tmp_path, regions, 10))
        assert len(split.image_features) == 5
        assert split.image_index.tolist() == [0, 0, 0, 0, 2, 2, 0, 0, 4, 4]

    def test_of_images_some_of_which_came_twice_share_the_first_row(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(4)[[0, 1, 2, 1, 3]], 5, ids=range(5)))
        assert split.image_index.tolist() == [0, 1, 2, 1, 4]
        assert len(split.image_features) == 5

    def test_may_begin_alike(self, tmp_path: Path) -> None:
        # 40 regions are more than the bytes by which rows are told apart first.
        regions = np.zeros((6, 40, 4), dtype=np.float32)
        regions[:, -1, -1] = [1, 1, 2, 2, 0, 0]
        assert _read(_folder(tmp_path, regions, 6)).image_index.tolist() == [0, 0, 1, 1, 2, 2]

    def test_of_one_image_are_its_captions(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(1).repeat(3, axis=0), 3))
        assert (len(split.image_features), split.image_index.tolist()) == (1, [0, 0, 0])

    def test_with_one_id_must_be_one_image(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="rows 1 and 3 have the same id 'b' and different features"):
            _read(_folder(tmp_path, _regions(4), 4, ids="abcb"))

    def test_must_have_an_id_each_or_an_id_an_image(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"4 rows \(2 without repetitions\) for 4 captions and 3 ids"):
            _read(_folder(tmp_path, _regions(2).repeat(2, axis=0), 4, ids=range(3)))


class TestPairFeatures:
    def test_pairs_regions_with_words(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(2), ["a dog", "a cat", "a dog", "dogs"]))
        features = split.pair_features(Vocabulary(["a", "dog", "cat"]))
        assert features.image_features is split.image_features
        assert features.image_index.tolist() == [0, 0, 1, 1]
        assert features.caption_index.tolist() == [0, 1, 0, 2]
        assert features.caption_features.tolist() == [[1, 4, 5, 2], [1, 4, 6, 2], [1, 3, 2, 0]]
        assert features.vocabulary_size == 7

    def test_captions_that_differ_in_case_and_punctuation_share_a_row(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(1), ["A dog.", "a  DOG", "", " "]))
        features = split.pair_features(Vocabulary(["a", "dog", "."]))
        assert features.caption_index.tolist() == [0, 0, 1, 1]
        assert features.caption_features.tolist() == [[1, 4, 5, 6, 2], [1, 2, 0, 0, 0]]

    def test_long_captions_are_cut(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(1), ["a a a a a"]))
        assert split.pair_features(Vocabulary(["a"]), max_tokens=3).caption_features.tolist() == [[1, 4, 2]]


class TestLoadNoise:
    def test_reads_captions_images(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(10), 50))
        noisy = caption_level_noise(split.image_index, 0.4, 1)
        save_caption_to_image(tmp_path / "noise.npy", noisy)
        loaded = split.load_noise(tmp_path / "noise.npy")
        np.testing.assert_array_equal(loaded.image_index, noisy.image_index)
        np.testing.assert_array_equal(loaded.is_mismatch, noisy.is_mismatch)

    def test_reads_permutations(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(10), 50))
        noisy = image_level_noise(split.image_index, 0.4, 1)
        save_image_permutation(tmp_path / "noise.npy", noisy, split.image_index, 10)
        np.testing.assert_array_equal(split.load_noise(tmp_path / "noise.npy").image_index, noisy.image_index)

    def test_counts_rows_of_the_file_where_images_are_repeated(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(2).repeat(2, axis=0), 4))
        np.save(tmp_path / "noise.npy", np.array([1, 2, 0, 3]))
        noisy = split.load_noise(tmp_path / "noise.npy")
        assert noisy.image_index.tolist() == [0, 1, 0, 1]
        assert noisy.is_mismatch.tolist() == [False, True, True, False]

    def test_comes_back_the_same_where_images_are_repeated(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(8).repeat(5, axis=0), 40))
        noisy = caption_level_noise(split.image_index, 0.4, 1)
        split.save_noise(tmp_path / "noise.npy", noisy)
        assert (np.load(tmp_path / "noise.npy") == np.arange(40))[~noisy.is_mismatch].all()
        loaded = split.load_noise(tmp_path / "noise.npy")
        np.testing.assert_array_equal(loaded.image_index, noisy.image_index)
        np.testing.assert_array_equal(loaded.is_mismatch, noisy.is_mismatch)

    def test_a_copy_of_the_image_is_no_mismatch(self, tmp_path: Path) -> None:
        split = _read(_folder(tmp_path, _regions(3)[[0, 1, 0, 2]], 4))
        np.save(tmp_path / "noise.npy", np.array([2, 3, 0, 1]))
        noisy = split.load_noise(tmp_path / "noise.npy", kind=NoiseIndexKind.IMAGE_PERMUTATION)
        assert noisy.is_mismatch.tolist() == [False, True, False, True]

    def test_refuses_a_file_of_another_split(self, tmp_path: Path) -> None:
        np.save(tmp_path / "noise.npy", np.arange(7))
        with pytest.raises(ValueError, match="holds 7 numbers, expected 4"):
            _read(_folder(tmp_path, _regions(2), 4)).load_noise(tmp_path / "noise.npy")
