from pathlib import Path

import numpy as np
import pytest

from crcl_core.data import caption_level_noise
from crcl_core.data.noise import image_level_noise, near_noise
from crcl_core.data.noise_index import save_caption_to_image, save_image_permutation
from crcl_core.data.precomp import PrecompSplit, read_precomp
from crcl_core.paper.benchmark import PaperDataset
from crcl_core.paper.data import PaperData
from crcl_core.paper.training_noise import NoiseProtocol, TrainingNoise, save_training_noise, training_noise


def _planted(train: PrecompSplit, ratio: float = 0.4, seed: int = 1234) -> TrainingNoise:
    return training_noise(train, PaperDataset.F30K, ratio=ratio, seed=seed, index_file=None)


class TestTrainingNoise:
    def test_plants_at_caption_level_by_the_seed(self, f30k: PaperData) -> None:
        noise = _planted(f30k.train)
        expected = caption_level_noise(f30k.train.image_index, 0.4, 1234)
        assert (noise.protocol, noise.ratio) == (NoiseProtocol.CAPTION_LEVEL, 0.4)
        np.testing.assert_array_equal(noise.image_index, expected.image_index)
        np.testing.assert_array_equal(noise.is_mismatch, expected.is_mismatch)

    @pytest.mark.parametrize("ratio", [None, 0.0])
    def test_plants_none_unless_asked(self, f30k: PaperData, ratio: float | None) -> None:
        noise = training_noise(f30k.train, PaperDataset.F30K, ratio=ratio, seed=0, index_file=None)
        assert noise.protocol is NoiseProtocol.NONE
        np.testing.assert_array_equal(noise.image_index, f30k.train.image_index)

    def test_takes_decls_file_as_image_level(self, f30k: PaperData, tmp_path: Path) -> None:
        train = f30k.train
        planted = image_level_noise(train.image_index, 0.5, 3)
        save_image_permutation(tmp_path / "noise.npy", planted, train.image_index, len(train.image_features))
        noise = training_noise(train, PaperDataset.F30K, ratio=None, seed=0, index_file=tmp_path / "noise.npy")
        assert noise.protocol is NoiseProtocol.IMAGE_LEVEL
        assert noise.ratio == planted.is_mismatch.mean()
        np.testing.assert_array_equal(noise.image_index, planted.image_index)

    def test_a_file_that_exchanges_no_images_compares_with_no_protocol(self, f30k: PaperData, tmp_path: Path) -> None:
        train = f30k.train
        planted = near_noise(train.image_index, train.image_features, 0.4, 3)
        save_caption_to_image(tmp_path / "near.npy", planted)
        noise = training_noise(train, PaperDataset.F30K, ratio=0.4, seed=0, index_file=tmp_path / "near.npy")
        assert noise.protocol is NoiseProtocol.OTHER
        np.testing.assert_array_equal(noise.image_index, planted.image_index)

    def test_refuses_a_file_of_another_ratio(self, f30k: PaperData, tmp_path: Path) -> None:
        save_training_noise(tmp_path / "noise.npy", f30k.train, _planted(f30k.train, 0.2))
        with pytest.raises(ValueError, match=r"noise.npy mismatches \d+.\d% of the pairs, expected about the given 40"):
            training_noise(f30k.train, PaperDataset.F30K, ratio=0.4, seed=0, index_file=tmp_path / "noise.npy")

    def test_a_file_without_mismatches_is_no_noise(self, f30k: PaperData, tmp_path: Path) -> None:
        save_training_noise(tmp_path / "noise.npy", f30k.train, _planted(f30k.train, 0.0))
        noise = training_noise(f30k.train, PaperDataset.F30K, ratio=None, seed=0, index_file=tmp_path / "noise.npy")
        assert noise.protocol is NoiseProtocol.NONE

    def test_leaves_real_noise_alone(self, folder: Path) -> None:
        train = read_precomp(folder / "cc152k_precomp", "train")
        noise = training_noise(train, PaperDataset.CC152K, ratio=None, seed=0, index_file=None)
        assert (noise.protocol, noise.is_mismatch) == (NoiseProtocol.REAL, None)
        with pytest.raises(ValueError, match="cc152k has real noise: no more is planted"):
            training_noise(train, PaperDataset.CC152K, ratio=0.2, seed=0, index_file=None)


class TestSaveTrainingNoise:
    def test_comes_back_the_same(self, f30k: PaperData, tmp_path: Path) -> None:
        noise = _planted(f30k.train)
        save_training_noise(tmp_path / "noise.npy", f30k.train, noise)
        read = training_noise(f30k.train, PaperDataset.F30K, ratio=0.4, seed=9, index_file=tmp_path / "noise.npy")
        assert read.protocol is NoiseProtocol.CAPTION_LEVEL
        np.testing.assert_array_equal(read.image_index, noise.image_index)
        np.testing.assert_array_equal(read.is_mismatch, noise.is_mismatch)

    def test_counts_rows_where_the_file_repeats_each_image(self, f30k: PaperData, tmp_path: Path) -> None:
        train = f30k.train
        repeated = tmp_path / "f30k_precomp"
        repeated.mkdir()
        np.save(repeated / "train_ims.npy", np.repeat(np.asarray(train.image_features), 5, axis=0))
        (repeated / "train_caps.txt").write_text("\n".join(train.captions) + "\n")
        split = read_precomp(repeated, "train")
        noise = _planted(split)
        save_training_noise(tmp_path / "noise.npy", split, noise)
        rows = np.load(tmp_path / "noise.npy")
        assert rows.max() >= len(train.image_features)
        np.testing.assert_array_equal(rows[~_mismatch(noise)], np.flatnonzero(~_mismatch(noise)))
        read = training_noise(split, PaperDataset.F30K, ratio=0.4, seed=9, index_file=tmp_path / "noise.npy")
        np.testing.assert_array_equal(read.image_index, noise.image_index)

    def test_twice_is_the_same_as_once(self, f30k: PaperData, tmp_path: Path) -> None:
        noise = _planted(f30k.train)
        for _ in range(2):
            save_training_noise(tmp_path / "noise.npy", f30k.train, noise)
        np.testing.assert_array_equal(np.load(tmp_path / "noise.npy"), noise.image_index)

    def test_does_not_overwrite_another_noise(self, f30k: PaperData, tmp_path: Path) -> None:
        save_training_noise(tmp_path / "noise.npy", f30k.train, _planted(f30k.train))
        other = _planted(f30k.train, seed=5)
        with pytest.raises(ValueError, match=r"noise.npy holds the noise of another run"):
            save_training_noise(tmp_path / "noise.npy", f30k.train, other)


def _mismatch(noise: TrainingNoise) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    assert noise.is_mismatch is not None
    return noise.is_mismatch.reshape(-1)
