import pickle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from crcl_core.data import NoisyCorrespondence, caption_level_noise
from crcl_core.data.noise import image_level_noise, near_noise
from crcl_core.data.noise_index import (
    NoiseIndexKind,
    load_noise_index,
    save_caption_to_image,
    save_image_permutation,
)

FIVE_EACH = np.repeat(np.arange(20), 5)


def _equal(one: NoisyCorrespondence, other: NoisyCorrespondence) -> bool:
    return np.array_equal(one.image_index, other.image_index) and np.array_equal(one.is_mismatch, other.is_mismatch)


def _file(folder: Path, array: npt.ArrayLike) -> Path:
    path = folder / "noise.npy"
    np.save(path, np.asarray(array))
    return path


class TestRoundTrips:
    def test_caption_level_noise_through_ncrs_format(self, tmp_path: Path) -> None:
        noisy = caption_level_noise(FIVE_EACH, 0.4, 1)
        save_caption_to_image(tmp_path / "noise.npy", noisy)
        assert _equal(load_noise_index(tmp_path / "noise.npy", FIVE_EACH, 20), noisy)

    def test_image_level_noise_through_decls_format(self, tmp_path: Path) -> None:
        noisy = image_level_noise(FIVE_EACH, 0.4, 1)
        save_image_permutation(tmp_path / "noise.npy", noisy, FIVE_EACH, 20)
        assert len(np.load(tmp_path / "noise.npy")) == 20
        assert _equal(load_noise_index(tmp_path / "noise.npy", FIVE_EACH, 20), noisy)

    def test_image_level_noise_through_ncrs_format(self, tmp_path: Path) -> None:
        noisy = image_level_noise(FIVE_EACH, 0.4, 1)
        save_caption_to_image(tmp_path / "noise.npy", noisy)
        assert _equal(load_noise_index(tmp_path / "noise.npy", FIVE_EACH, 20), noisy)

    def test_images_without_captions_keep_their_place(self, tmp_path: Path) -> None:
        true_index = np.array([0, 2, 2, 3])
        noisy = image_level_noise(true_index, 1.0, 3)
        save_image_permutation(tmp_path / "noise.npy", noisy, true_index, 5)
        assert np.load(tmp_path / "noise.npy")[[1, 4]].tolist() == [1, 4]
        assert _equal(load_noise_index(tmp_path / "noise.npy", true_index, 5), noisy)

    def test_the_name_of_the_file_is_kept(self, tmp_path: Path) -> None:
        save_caption_to_image(tmp_path / "f30k_0.4", caption_level_noise(FIVE_EACH, 0.4, 1))
        assert [path.name for path in tmp_path.iterdir()] == ["f30k_0.4"]


class TestSavingPermutations:
    def test_refuses_noise_that_parts_the_captions_of_an_image(self, tmp_path: Path) -> None:
        noisy = caption_level_noise(FIVE_EACH, 0.4, 1)
        with pytest.raises(ValueError, match="were given different images"):
            save_image_permutation(tmp_path / "noise.npy", noisy, FIVE_EACH, 20)

    def test_refuses_noise_that_gives_an_image_twice(self, tmp_path: Path) -> None:
        vectors = np.array([[1, 0], [1, 0.1], [0, 1]], dtype=np.float32)
        noisy = near_noise(np.arange(3), vectors, 1.0, 0, n_neighbours=1)
        with pytest.raises(ValueError, match="captions of two images were given image 1"):
            save_image_permutation(tmp_path / "noise.npy", noisy, np.arange(3), 3)


class TestLoading:
    @pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint64, np.dtype(">i8")])
    def test_takes_any_integers(self, tmp_path: Path, dtype: npt.DTypeLike) -> None:
        index = np.array([1, 0, 1, 1], dtype=dtype)
        noisy = load_noise_index(_file(tmp_path, index), np.array([0, 0, 1, 1]), 2)
        assert noisy.image_index.tolist() == [1, 0, 1, 1]
        assert noisy.is_mismatch.tolist() == [True, False, False, False]
        assert noisy.image_index.dtype == np.int64

    def test_a_permutation_moves_all_captions_of_an_image(self, tmp_path: Path) -> None:
        noisy = load_noise_index(_file(tmp_path, [1, 0, 2]), np.array([0, 0, 1, 2]), 3)
        assert noisy.image_index.tolist() == [1, 1, 0, 2]
        assert noisy.is_mismatch.tolist() == [True, True, True, False]

    def test_the_result_does_not_need_the_file(self, tmp_path: Path) -> None:
        path = _file(tmp_path, [1, 0, 1, 1])
        noisy = load_noise_index(path, np.array([0, 0, 1, 1]), 2)
        path.write_bytes(b"")
        assert noisy.image_index.tolist() == [1, 0, 1, 1]


class TestWithAsManyCaptionsAsImages:
    def test_both_formats_mean_the_same_when_captions_are_in_order(self, tmp_path: Path) -> None:
        path, true_index = _file(tmp_path, [2, 0, 1]), np.arange(3)
        default = load_noise_index(path, true_index, 3)
        for kind in NoiseIndexKind:
            assert _equal(load_noise_index(path, true_index, 3, kind=kind), default)

    def test_refuses_to_guess_when_they_are_not(self, tmp_path: Path) -> None:
        path = _file(tmp_path, [2, 0, 1])
        with pytest.raises(ValueError, match="fits captions and images, 3 each; expected its kind"):
            load_noise_index(path, np.array([1, 0, 2]), 3)

    def test_the_kind_decides(self, tmp_path: Path) -> None:
        path, true_index = _file(tmp_path, [2, 0, 1]), np.array([1, 0, 2])
        by_caption = load_noise_index(path, true_index, 3, kind=NoiseIndexKind.CAPTION_TO_IMAGE)
        by_image = load_noise_index(path, true_index, 3, kind=NoiseIndexKind.IMAGE_PERMUTATION)
        assert by_caption.image_index.tolist() == [2, 0, 1]
        assert by_image.image_index.tolist() == [0, 2, 1]

    def test_what_is_no_permutation_is_caption_to_image(self, tmp_path: Path) -> None:
        noisy = load_noise_index(_file(tmp_path, [0, 0, 1]), np.array([1, 0, 2]), 3)
        assert noisy.image_index.tolist() == [0, 0, 1]


class TestRefusals:
    @pytest.mark.parametrize(
        ("array", "message"),
        [
            ([0, 1, 2], r"holds 3 numbers, expected 4 \(an image for each caption\) or 2 \(a permutation"),
            ([0, 1, 2, 1], "spans 0 to 2, expected images 0 to 1"),
            ([0, -1, 1, 1], "spans -1 to 1, expected images 0 to 1"),
            ([1, 1], "leaves out image 0, expected a permutation of 2 images"),
            ([0.0, 1.0, 0.0, 1.0], "float64 with 1 axes, expected integers"),
            ([[0, 1], [0, 1]], "int64 with 2 axes, expected integers with 1 axis"),
            ([True, False, True, True], "bool with 1 axes, expected integers"),
            (np.array([0, 2**64 - 1, 0, 0], dtype=np.uint64), "18446744073709551615, which is no position"),
        ],
    )
    def test_name_what_came(self, tmp_path: Path, array: npt.ArrayLike, message: str) -> None:
        with pytest.raises(ValueError, match=rf"noise\.npy .*{message}"):
            load_noise_index(_file(tmp_path, array), np.array([0, 0, 1, 1]), 2)

    def test_of_a_length_that_the_given_kind_cannot_have(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="holds 4 numbers, expected 2 as image_permutation"):
            load_noise_index(
                _file(tmp_path, [0, 0, 1, 1]), np.array([0, 0, 1, 1]), 2, kind=NoiseIndexKind.IMAGE_PERMUTATION
            )

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"1 2 3", b"\x93NUMPY\x01\x00"])
    def test_of_other_files(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "noise.npy"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"noise\.npy cannot be read as a \.npy array of numbers"):
            load_noise_index(path, np.arange(4), 4)

    def test_of_a_truncated_file(self, tmp_path: Path) -> None:
        path = _file(tmp_path, np.arange(1000))
        path.write_bytes(path.read_bytes()[:-8])
        with pytest.raises(ValueError, match=r"noise\.npy cannot be read"):
            load_noise_index(path, np.arange(1000), 1000)

    def test_of_pickles_without_running_them(self, tmp_path: Path) -> None:
        path = tmp_path / "noise.npy"
        np.save(path, np.array([_Trap()], dtype=object), allow_pickle=True)
        with pytest.raises(ValueError, match=r"noise\.npy cannot be read"):
            load_noise_index(path, np.arange(1), 1)
        path.write_bytes(pickle.dumps(_Trap()))
        with pytest.raises(ValueError, match=r"noise\.npy cannot be read"):
            load_noise_index(path, np.arange(1), 1)

    def test_of_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"noise\.npy"):
            load_noise_index(tmp_path / "noise.npy", np.arange(4), 4)

    def test_an_empty_corpus_takes_an_empty_file(self, tmp_path: Path) -> None:
        noisy = load_noise_index(_file(tmp_path, np.zeros(0, np.int64)), np.zeros(0, np.int64), 0)
        assert len(noisy.image_index) == 0


class _Trap:
    def __reduce__(self) -> tuple[type[SystemExit], tuple[str]]:
        return (SystemExit, ("the pickle was run",))
