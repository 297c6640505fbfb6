"""Trained models as one safetensors file each, with what is needed to build and use them again in its metadata."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from crcl_core.data import Vocabulary
from crcl_core.models import EmbeddingModel, MatchingModel, ModelSpec, build_model
from crcl_core.training.config import CODE_VERSION, TrainingConfig
from crcl_core.types import CheckpointError

FORMAT_VERSION = "2"


@final
@dataclass(frozen=True, eq=False)
class SavedModel:
    """A trained model and what a new query of it needs.

    Attributes:
        model: On the CPU, in evaluation mode.
        spec: What built it.
        vocabulary: Of a model that reads words; None of heads.
    """

    model: MatchingModel
    spec: ModelSpec
    vocabulary: Vocabulary | None

    @property
    def embedding_model(self) -> EmbeddingModel:
        """The model, as one whose embeddings an index can hold.

        Raises:
            CheckpointError: It compares pair by pair instead.
        """
        if not isinstance(self.model, EmbeddingModel):
            raise CheckpointError(f"model {self.spec.kind.value!r} compares pair by pair and has no embeddings")
        return self.model


def save_model(
    path: Path,
    model: MatchingModel,
    spec: ModelSpec,
    *,
    vocabulary: Vocabulary | None = None,
    config: TrainingConfig | None = None,
) -> None:
    """Writes a model's weights, shape and vocabulary.

    Args:
        path: The file; replaced if it exists.
        model: Trained, on any device.
        spec: What built it.
        vocabulary: Must be given for a model that reads words.
        config: How it was trained, kept in the file for its reader.

    Raises:
        ValueError: The vocabulary is not of the model's size, or is given to a model that reads none.
    """
    _require_size(vocabulary, spec)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    metadata = {
        "format_version": FORMAT_VERSION,
        "code_version": CODE_VERSION,
        "spec": json.dumps(spec.to_json()),
    }
    if vocabulary is not None:
        metadata["vocabulary"] = vocabulary.to_json()
    if config is not None:
        metadata |= {"config": json.dumps(dataclasses.asdict(config)), "seed": str(config.seed)}
    save_file(weights, path, metadata=metadata)


def load_model(path: Path) -> SavedModel:
    """Reads a model that `save_model` wrote. No code comes out of the file.

    Raises:
        CheckpointError: The file cannot be read, is of another format, or its parts do not fit each other.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            if metadata.get("format_version") != FORMAT_VERSION:
                found = metadata.get("format_version")
                raise CheckpointError(f"{path}: format version {found!r}, expected {FORMAT_VERSION!r}")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        spec = ModelSpec.from_json(json.loads(metadata["spec"]))
        vocabulary = Vocabulary.from_json(metadata["vocabulary"]) if "vocabulary" in metadata else None
        _require_size(vocabulary, spec)
        model = build_model(spec)
        model.load_state_dict(weights)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be read as a trained model: {error}") from error
    return SavedModel(model.eval(), spec, vocabulary)


def _require_size(vocabulary: Vocabulary | None, spec: ModelSpec) -> None:
    found = None if vocabulary is None else len(vocabulary)
    if found != spec.vocabulary_size:
        raise ValueError(f"the vocabulary has {found} ids, model {spec.kind.value!r} reads {spec.vocabulary_size}")
