from pathlib import Path

import numpy as np
import pytest

from crcl_core.detection import HeldOutEmbeddings


def _embeddings(n_folds: int = 2) -> HeldOutEmbeddings:
    random = np.random.default_rng(0)
    images = random.normal(size=(n_folds, 3, 4)).astype(np.float32)
    captions = random.normal(size=(n_folds, 5, 4)).astype(np.float32)
    return HeldOutEmbeddings(images, captions, np.array([0, 1, 1, 0]))


class TestHeldOutEmbeddings:
    def test_comes_back_from_a_folder(self, tmp_path: Path) -> None:
        written = _embeddings()
        written.save(tmp_path)
        read = HeldOutEmbeddings.load(tmp_path)
        assert read is not None
        np.testing.assert_allclose(read.images, written.images, atol=2e-3)
        np.testing.assert_allclose(read.captions, written.captions, atol=2e-3)
        assert read.fold.tolist() == [0, 1, 1, 0]

    def test_a_folder_without_any_gives_none(self, tmp_path: Path) -> None:
        assert HeldOutEmbeddings.load(tmp_path) is None

    def test_a_fold_without_a_model_is_refused(self) -> None:
        made = _embeddings()
        with pytest.raises(ValueError, match=r"folds lie in 0\.\.2, expected 0\.\.1"):
            HeldOutEmbeddings(made.images, made.captions, np.array([0, 2]))

    def test_widths_that_differ_are_refused(self) -> None:
        made = _embeddings()
        with pytest.raises(ValueError, match="expected the same models and the same width"):
            HeldOutEmbeddings(made.images, made.captions[:, :, :3], made.fold)

    def test_a_single_model_needs_its_axis(self) -> None:
        made = _embeddings()
        with pytest.raises(ValueError, match="three axes"):
            HeldOutEmbeddings(made.images[0], made.captions[0], made.fold)
