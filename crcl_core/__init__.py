"""Cross-modal Robust Complementary Learning (CRCL): finds the mismatched pairs among images and captions.

What stands here is the public interface; everything else may change. A name is imported when it is first used, because
PyTorch takes seconds and not every program that imports a part of this package needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crcl_core.cleaning import CleanedPairs, clean_pairs, encode_pairs, encode_region_pairs
    from crcl_core.correspondence import CorrespondenceLabels
    from crcl_core.data import PairFeatures, Vocabulary, caption_level_noise, read_precomp
    from crcl_core.detection import encoder_similarity, lemon_score
    from crcl_core.encoders import open_encoder
    from crcl_core.evaluation import auroc, average_precision, recall_at_k
    from crcl_core.losses import ActiveComplementaryLoss
    from crcl_core.models import MatchingModel, ModelKind
    from crcl_core.training import (
        Objective,
        TrainingConfig,
        TrainingResult,
        load_model,
        pair_similarities,
        save_model,
        train,
    )

__all__ = [
    "ActiveComplementaryLoss",
    "CleanedPairs",
    "CorrespondenceLabels",
    "MatchingModel",
    "ModelKind",
    "Objective",
    "PairFeatures",
    "TrainingConfig",
    "TrainingResult",
    "Vocabulary",
    "auroc",
    "average_precision",
    "caption_level_noise",
    "clean_pairs",
    "encode_pairs",
    "encode_region_pairs",
    "encoder_similarity",
    "lemon_score",
    "load_model",
    "open_encoder",
    "pair_similarities",
    "read_precomp",
    "recall_at_k",
    "save_model",
    "train",
]

_HOMES = {
    "cleaning": (
        "CleanedPairs",
        "clean_pairs",
        "encode_pairs",
        "encode_region_pairs",
    ),
    "correspondence": ("CorrespondenceLabels",),
    "data": (
        "PairFeatures",
        "Vocabulary",
        "caption_level_noise",
        "read_precomp",
    ),
    "detection": (
        "encoder_similarity",
        "lemon_score",
    ),
    "encoders": ("open_encoder",),
    "evaluation": (
        "auroc",
        "average_precision",
        "recall_at_k",
    ),
    "losses": ("ActiveComplementaryLoss",),
    "models": (
        "MatchingModel",
        "ModelKind",
    ),
    "training": (
        "Objective",
        "TrainingConfig",
        "TrainingResult",
        "load_model",
        "pair_similarities",
        "save_model",
        "train",
    ),
}


def __getattr__(name: str) -> Any:  # Any: names of several kinds.
    for package, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"crcl_core.{package}"), name)
    raise AttributeError(f"module 'crcl_core' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
