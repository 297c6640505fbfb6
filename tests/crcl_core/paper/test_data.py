import shutil
from pathlib import Path

import numpy as np
import pytest

from crcl_core.data import Vocabulary
from crcl_core.data.precomp import write_generated_precomp
from crcl_core.paper.benchmark import PaperDataset
from crcl_core.paper.data import PaperData, read_paper_data, read_vocabulary
from tests.crcl_core.paper.conftest import N_TEST_IMAGES, N_TRAIN_PAIRS


class TestReadPaperData:
    def test_finds_the_folder_of_the_data_set(self, folder: Path) -> None:
        data = read_paper_data(folder, PaperDataset.F30K)
        assert data.folder == folder / "f30k_precomp"
        assert (data.train.n_pairs, data.test.n_pairs) == (N_TRAIN_PAIRS, 5 * N_TEST_IMAGES)

    def test_takes_the_folder_itself(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert read_paper_data(folder / "f30k_precomp", PaperDataset.F30K).train.n_pairs == N_TRAIN_PAIRS
        monkeypatch.chdir(folder / "f30k_precomp")
        assert read_paper_data(Path(), PaperDataset.F30K).folder == (folder / "f30k_precomp").resolve()

    def test_reads_all_test_images_of_coco_and_columns_of_cc152k(self, folder: Path) -> None:
        assert read_paper_data(folder, PaperDataset.COCO).test.n_pairs == 5 * N_TEST_IMAGES
        assert read_paper_data(folder, PaperDataset.CC152K).test.n_pairs == N_TEST_IMAGES

    def test_names_all_missing_files_and_where_data_is_to_be_had(self, tmp_path: Path) -> None:
        write_generated_precomp(tmp_path / "coco_precomp", n_images={"train": 8, "test": 8})
        (tmp_path / "coco_precomp" / "train_caps.txt").unlink()
        with pytest.raises(FileNotFoundError) as caught:
            read_paper_data(tmp_path, PaperDataset.COCO)
        assert str(caught.value) == (
            "coco needs train_caps.txt or train_caps.tsv, testall_ims.npy, testall_caps.txt or testall_caps.tsv in "
            f"{tmp_path / 'coco_precomp'}, not found. Mispair downloads no data set; docs/paper.md says where each is "
            "to be had and how its files are named."
        )

    def test_refuses_splits_of_different_regions(self, tmp_path: Path) -> None:
        write_generated_precomp(tmp_path / "f30k_precomp", n_images={"train": 8}, n_regions=6)
        write_generated_precomp(tmp_path / "f30k_precomp", n_images={"test": 8}, n_regions=5)
        with pytest.raises(ValueError, match=r"an image is \(6, 32\) in train_ims.npy and \(5, 32\) in test_ims.npy"):
            read_paper_data(tmp_path, PaperDataset.F30K)

    def test_refuses_captions_that_do_not_fit_the_images(self, tmp_path: Path) -> None:
        write_generated_precomp(tmp_path / "f30k_precomp", n_images={"train": 8, "test": 8})
        np.save(tmp_path / "f30k_precomp" / "train_ims.npy", np.zeros((7, 6, 32), dtype=np.float32))
        with pytest.raises(ValueError, match="7 rows for 40 captions"):
            read_paper_data(tmp_path, PaperDataset.F30K)


class TestReadVocabulary:
    def test_takes_the_official_one_beside_the_folder(self, folder: Path, f30k: PaperData) -> None:
        vocabulary, path = read_vocabulary(f30k, min_word_count=4)
        assert path == folder / "vocab" / "f30k_precomp_vocab.json"
        assert vocabulary == Vocabulary.from_official(path)

    def test_builds_one_of_the_training_captions_otherwise(self, folder: Path, tmp_path: Path) -> None:
        shutil.copytree(folder / "f30k_precomp", tmp_path / "f30k_precomp")
        data = read_paper_data(tmp_path, PaperDataset.F30K)
        vocabulary, path = read_vocabulary(data, min_word_count=30)
        assert path is None
        assert vocabulary == Vocabulary.from_captions(data.train.captions, min_count=30)
