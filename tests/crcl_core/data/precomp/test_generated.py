from pathlib import Path

import numpy as np
import pytest

from crcl_core.data import PairFeatures, Vocabulary, caption_level_noise
from crcl_core.data.precomp import read_precomp, write_generated_precomp
from crcl_core.types import DoubleArray, IntArray


def _words_and_regions(features: PairFeatures, image_index: IntArray) -> tuple[DoubleArray, DoubleArray]:
    """(N, vocabulary) counts of words, and (N, D) the mean region of the image that each caption is paired with."""
    counts = np.zeros((features.n_captions, features.vocabulary_size or 0))
    np.add.at(counts, (np.arange(features.n_captions)[:, None], features.caption_features.astype(np.int64)), 1)
    counts[:, 0] = 0
    return counts[features.caption_index], features.image_features.mean(axis=1, dtype=np.float64)[image_index]


class TestWriteGeneratedPrecomp:
    def test_writes_the_layout_of_the_official_codes(self, tmp_path: Path) -> None:
        vocabulary_path = write_generated_precomp(tmp_path / "data" / "f30k_precomp")
        assert vocabulary_path == tmp_path / "data" / "vocab" / "f30k_precomp_vocab.json"
        for split, n_images in (("train", 240), ("dev", 60), ("test", 60)):
            read = read_precomp(tmp_path / "data" / "f30k_precomp", split)
            assert read.image_features.shape == (n_images, 6, 32)
            assert read.n_pairs == 5 * n_images
            features = read.pair_features(Vocabulary.from_official(vocabulary_path))
            assert not (features.caption_features == 3).any()

    @pytest.mark.parametrize("captions_per_image", [1, 2])
    def test_writes_columns_too(self, tmp_path: Path, captions_per_image: int) -> None:
        write_generated_precomp(
            tmp_path / "cc152k_precomp",
            n_images={"train": 8, "test": 3},
            captions_per_image=captions_per_image,
            as_tsv=True,
        )
        assert read_precomp(tmp_path / "cc152k_precomp", "test").n_pairs == 3 * captions_per_image
        assert (tmp_path / "cc152k_precomp" / "train_caps.tsv").exists()

    def test_the_seed_decides(self, tmp_path: Path) -> None:
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            write_generated_precomp(tmp_path / name, n_images={"train": 8}, seed=seed)
        first, same, other = (read_precomp(tmp_path / name, "train") for name in "abc")
        assert first.captions == same.captions != other.captions
        np.testing.assert_array_equal(first.image_features, same.image_features)

    def test_a_linear_model_of_its_noisy_train_split_finds_the_mismatches(self, tmp_path: Path) -> None:
        vocabulary = Vocabulary.from_official(write_generated_precomp(tmp_path / "f30k_precomp"))
        features = read_precomp(tmp_path / "f30k_precomp", "train").pair_features(vocabulary)
        noisy = caption_level_noise(features.image_index, 0.4, 1)
        words, regions = _words_and_regions(features, noisy.image_index)
        model = np.linalg.lstsq(words, regions, rcond=None)[0]
        error = ((words @ model - regions) ** 2).sum(axis=1)
        clean, wrong = error[~noisy.is_mismatch], error[noisy.is_mismatch]
        assert (wrong[:, None] > clean).mean() > 0.85  # AUROC
        words, regions = _words_and_regions(
            dev := read_precomp(tmp_path / "f30k_precomp", "dev").pair_features(vocabulary), dev.image_index
        )
        distances = ((words @ model)[:, None] - regions[None]) ** 2
        is_best = distances.sum(axis=2).argmin(axis=1) // 5 == dev.image_index
        assert is_best.mean() > 0.2  # One of 60 by chance.

    def test_refuses_images_with_too_few_regions(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="n_regions is 3, expected 4 or more"):
            write_generated_precomp(tmp_path, n_regions=3)
