"""What decides a model's shape, and the one place that builds models from it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, final

import torch

from crcl_core.models.heads import build_heads
from crcl_core.models.matching_model import MatchingModel
from crcl_core.models.saf import Saf
from crcl_core.models.sgr import Sgr
from crcl_core.models.vse_infinity import VseInfinity
from crcl_core.seeding import generator, seeded_layers


class ModelKind(StrEnum):
    """The models that CRCL can train."""

    HEADS = "heads"  # Over one frozen vector an image and a caption.
    VSE_INFTY = "vse_infty"  # Regions and words, each modality pooled into one vector.
    SAF = "saf"  # Regions and words compared pair by pair, filtered by attention.
    SGR = "sgr"  # The same, reasoned over as a graph.

    @property
    def reads_regions(self) -> bool:
        """Whether an image is its regions and a caption its words, rather than one vector each."""
        return self is not ModelKind.HEADS

    @property
    def gives_embeddings(self) -> bool:
        """Whether an image and a caption each have one vector, which a retrieval index needs."""
        return self in {ModelKind.HEADS, ModelKind.VSE_INFTY}


@final
@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """All that is needed to build a model, its weights aside.

    Attributes:
        kind: Which model.
        image_dim: D of the image vectors or regions.
        caption_dim: D of the caption vectors; heads only.
        vocabulary_size: How many word ids there are, padding included; models of regions and words only.
        n_regions: R; SAF and SGR normalise over the regions, so theirs is fixed.
        joint_dim: J.
        word_dim: Width of a word's embedding.
        similarity_dim: Width of a similarity node; SAF and SGR.
        dropout: Heads: share of the hidden units. SAF and SGR: of word embeddings and attention.
        has_joint_space: Whether the encoder puts both modalities into one space; heads only.
    """

    kind: ModelKind
    image_dim: int
    caption_dim: int | None = None
    vocabulary_size: int | None = None
    n_regions: int | None = None
    joint_dim: int = 512
    word_dim: int = 300
    similarity_dim: int = 256
    dropout: float = 0.0
    has_joint_space: bool = False

    def to_json(self) -> dict[str, Any]:  # Any: the values of a JSON object.
        """Returns plain values; `from_json` takes them back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ModelSpec":  # Any: the values of a JSON object.
        """Builds the spec that `to_json` described.

        Raises:
            ValueError: The kind of model is unknown.
            TypeError: A field is unknown or missing.
        """
        return cls(**{**values, "kind": ModelKind(values["kind"])})


def build_model(spec: ModelSpec, *, seed: int = 0, stream: tuple[str | int, ...] = ("weights",)) -> MatchingModel:
    """Builds a model whose initial weights follow from the seed and the stream's name alone.

    Args:
        spec: What to build.
        seed: Seed of the run.
        stream: Name of the random stream.

    Raises:
        ValueError: The spec lacks what its kind needs, or a value is out of range.
    """
    if spec.kind is ModelKind.HEADS:
        return build_heads(
            spec.image_dim,
            _required(spec, "caption_dim"),
            spec.joint_dim,
            dropout=spec.dropout,
            has_joint_space=spec.has_joint_space,
            generator=generator(seed, *stream),
        )
    with seeded_layers(torch.device("cpu"), seed, *stream):
        return _build_of_regions(spec)


def _build_of_regions(spec: ModelSpec) -> MatchingModel:
    sizes = {
        "region_dim": spec.image_dim,
        "vocabulary_size": _required(spec, "vocabulary_size"),
        "joint_dim": spec.joint_dim,
        "word_dim": spec.word_dim,
    }
    if spec.kind is ModelKind.VSE_INFTY:
        return VseInfinity(**sizes)
    model = Saf if spec.kind is ModelKind.SAF else Sgr
    return model(
        **sizes, n_regions=_required(spec, "n_regions"), similarity_dim=spec.similarity_dim, dropout=spec.dropout
    )


def _required(spec: ModelSpec, name: str) -> int:
    value: int | None = getattr(spec, name)
    if value is None:
        raise ValueError(f"model {spec.kind.value!r} needs {name}, and none was given")
    return value
