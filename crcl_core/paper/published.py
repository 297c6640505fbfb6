"""What the paper's table has in a row's cell."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from crcl_core.paper.benchmark import PaperDataset, PaperModel
from crcl_core.paper.training_noise import NoiseProtocol

SOURCE: Final = "Qin et al., NeurIPS 2023; recalled, each sum re-added, not yet compared with the PDF"

# Within that, a ratio is a column's.
_SAME_RATIO: Final = 0.005
_F30K: Final = (PaperDataset.F30K, "test")
_COCO_1K: Final = (PaperDataset.COCO, "1K")
_CC152K: Final = (PaperDataset.CC152K, "test")
_R_SUMS: Final[Mapping[tuple[tuple[PaperDataset, str], PaperModel], Mapping[float, float]]] = MappingProxyType(
    {
        (_F30K, PaperModel.SGRAF): {0.2: 507.8, 0.4: 505.2, 0.6: 487.3, 0.8: 443.7},
        (_F30K, PaperModel.VSE_INFTY): {0.8: 412.2},
        (_COCO_1K, PaperModel.SGRAF): {0.2: 525.6, 0.4: 521.5, 0.6: 514.2, 0.8: 501.8},
        (_CC152K, PaperModel.SGRAF): {0.0: 373.7},
    }
)


def published_r_sum(
    dataset: PaperDataset, test_set: str, model: PaperModel, protocol: NoiseProtocol, ratio: float
) -> float | None:
    """Looks up the rSum of CRCL in the paper, trained with caption-level noise or, on CC152K, with real noise.

    Args:
        dataset: Trained on.
        test_set: As `test_figures` names it.
        model: The row.
        protocol: How the training pairs were made noisy.
        ratio: Of that noise.

    Returns:
        The sum in [0, 600]; None where the table has no such cell, which is so for image-level noise.
    """
    if protocol not in {NoiseProtocol.CAPTION_LEVEL, NoiseProtocol.REAL}:
        return None
    columns = _R_SUMS.get(((dataset, test_set), model), {})
    return next((r_sum for column, r_sum in columns.items() if abs(column - ratio) < _SAME_RATIO), None)
