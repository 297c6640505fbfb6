"""Training of CRCL: rounds, checkpoints, the trained heads and what they embed."""

from crcl_core.training.checkpoint import CheckpointStore, training_identity
from crcl_core.training.config import TrainingConfig
from crcl_core.training.embedding import embed_captions, embed_images
from crcl_core.training.reports import EpochReport, TrainingResult
from crcl_core.training.saved_model import load_heads, save_heads
from crcl_core.training.trainer import train

__all__ = [
    "CheckpointStore",
    "EpochReport",
    "TrainingConfig",
    "TrainingResult",
    "embed_captions",
    "embed_images",
    "load_heads",
    "save_heads",
    "train",
    "training_identity",
]
