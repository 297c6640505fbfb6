import pytest

from crcl_core.paper.benchmark import PaperDataset, PaperModel
from crcl_core.paper.published import published_r_sum
from crcl_core.paper.training_noise import NoiseProtocol


class TestPublishedRSum:
    @pytest.mark.parametrize(
        ("dataset", "test_set", "model", "ratio", "expected"),
        [
            (PaperDataset.F30K, "test", PaperModel.SGRAF, 0.4, 505.2),
            (PaperDataset.F30K, "test", PaperModel.SGRAF, 0.3998, 505.2),
            (PaperDataset.F30K, "test", PaperModel.SGRAF, 0.45, None),
            (PaperDataset.F30K, "test", PaperModel.SAF, 0.4, None),
            (PaperDataset.F30K, "test", PaperModel.VSE_INFTY, 0.8, 412.2),
            (PaperDataset.COCO, "1K", PaperModel.SGRAF, 0.8, 501.8),
            (PaperDataset.COCO, "5K", PaperModel.SGRAF, 0.8, None),
            (PaperDataset.F30K, "test", PaperModel.HEADS, 0.4, None),
        ],
    )
    def test_knows_the_cells_of_the_table(
        self, dataset: PaperDataset, test_set: str, model: PaperModel, ratio: float, expected: float | None
    ) -> None:
        assert published_r_sum(dataset, test_set, model, NoiseProtocol.CAPTION_LEVEL, ratio) == expected

    def test_real_noise_has_its_own(self) -> None:
        cell = (PaperDataset.CC152K, "test", PaperModel.SGRAF)
        assert published_r_sum(*cell, NoiseProtocol.REAL, 0.0) == 373.7

    def test_other_protocols_do_not_compare(self) -> None:
        cell = (PaperDataset.F30K, "test", PaperModel.SGRAF)
        assert published_r_sum(*cell, NoiseProtocol.IMAGE_LEVEL, 0.4) is None
        assert published_r_sum(*cell, NoiseProtocol.NONE, 0.0) is None
