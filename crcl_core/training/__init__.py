"""Training of CRCL: rounds, checkpoints, the trained models and what they embed."""

from crcl_core.training.checkpoint import CheckpointStore, training_identity
from crcl_core.training.config import Precision, TrainingConfig
from crcl_core.training.embedding import embed_captions, embed_images, pair_similarities, similarity_matrix
from crcl_core.training.given_labels import train_on_labels
from crcl_core.training.noisy_correspondence_rectifier import NcrResult, train_ncr
from crcl_core.training.objectives import Objective
from crcl_core.training.reports import EpochReport, TrainingResult
from crcl_core.training.saved_model import SavedModel, load_model, save_model
from crcl_core.training.trainer import train

__all__ = [
    "CheckpointStore",
    "EpochReport",
    "NcrResult",
    "Objective",
    "Precision",
    "SavedModel",
    "TrainingConfig",
    "TrainingResult",
    "embed_captions",
    "embed_images",
    "load_model",
    "pair_similarities",
    "save_model",
    "similarity_matrix",
    "train",
    "train_ncr",
    "train_on_labels",
    "training_identity",
]
