from crcl_core.models.heads import MatchingHeads, ProjectionHead, ResidualHead, build_heads
from crcl_core.models.matching_model import EmbeddingModel, MatchingModel
from crcl_core.models.model_spec import ModelKind, ModelSpec, build_model

__all__ = [
    "EmbeddingModel",
    "MatchingHeads",
    "MatchingModel",
    "ModelKind",
    "ModelSpec",
    "ProjectionHead",
    "ResidualHead",
    "build_heads",
    "build_model",
]
