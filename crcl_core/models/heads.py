"""Heads over frozen vectors: what CRCL trains when an encoder does the seeing and reading."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from crcl_core.models.matching_model import EmbeddingModel


@final
class ProjectionHead(nn.Module):
    """Projects one modality's vectors into the joint space: LayerNorm, then Linear(D, J) + MLP(D, J, J), L2-normalised.

    Args:
        feature_dim: D.
        joint_dim: J, usually 512.
        dropout: Share of the hidden units dropped in training.
    """

    def __init__(self, feature_dim: int, joint_dim: int = 512, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.layer_norm = _scale_free_layer_norm(feature_dim)
        self.linear = nn.Linear(feature_dim, joint_dim)
        self.mlp = _mlp(feature_dim, joint_dim, joint_dim, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, J), rows of length 1."""
        normed = self.layer_norm(features)
        # Under autocast the layers give bfloat16; lengths are taken in the features' own precision.
        return normalize((self.linear(normed) + self.mlp(normed)).to(features.dtype), dim=-1)


@final
class ResidualHead(nn.Module):
    """Adjusts vectors that already live in a joint space: x + MLP(LayerNorm(x)), L2-normalised.

    The last layer starts at zero, so training starts from the encoder's own similarities.

    Args:
        feature_dim: D = J.
        hidden_dim: Width of the MLP's hidden layer.
        dropout: Share of the hidden units dropped in training.
    """

    def __init__(self, feature_dim: int, hidden_dim: int = 512, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.layer_norm = _scale_free_layer_norm(feature_dim)
        self.mlp = _mlp(feature_dim, hidden_dim, feature_dim, dropout)
        for parameter in self.mlp[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, D), rows of length 1."""
        # Encoders differ in whether they normalise; the residual must be of one scale for all of them.
        unit = normalize(features, dim=-1)
        return normalize((unit + self.mlp(self.layer_norm(unit))).to(features.dtype), dim=-1)


@final
class MatchingHeads(EmbeddingModel):
    """One head a modality; the similarity of an image and a caption is the cosine of their embeddings.

    Args:
        image_dim: Width of the image vectors.
        caption_dim: Width of the caption vectors.
        joint_dim: J, usually 512. With a joint space it is the hidden width, and J is the encoder's.
        dropout: Share of the hidden units dropped in training.
        has_joint_space: Whether the encoder already puts both modalities into one space.

    Raises:
        ValueError: A width is not positive, dropout is outside [0, 1), or a joint space has two widths.
    """

    def __init__(
        self,
        image_dim: int,
        caption_dim: int,
        joint_dim: int = 512,
        *,
        dropout: float = 0.0,
        has_joint_space: bool = False,
    ) -> None:
        super().__init__()
        for name, width in (("image_dim", image_dim), ("caption_dim", caption_dim), ("joint_dim", joint_dim)):
            if width < 1:
                raise ValueError(f"{name} is {width}, expected 1 or more")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}, expected a number in [0, 1)")
        if has_joint_space and image_dim != caption_dim:
            raise ValueError(f"a joint space has one width, got {image_dim} for images and {caption_dim} for captions")
        self.image_dim = image_dim
        self.caption_dim = caption_dim
        self.joint_dim = joint_dim
        self.dropout = dropout
        self.has_joint_space = has_joint_space
        head = ResidualHead if has_joint_space else ProjectionHead
        self.image_head = head(image_dim, joint_dim, dropout=dropout)
        self.caption_head = head(caption_dim, joint_dim, dropout=dropout)

    @property
    def embedding_dim(self) -> int:
        """J, the width of the embeddings."""
        return self.image_dim if self.has_joint_space else self.joint_dim

    def embed_images(self, features: Tensor) -> Tensor:
        """(B, D_image) -> (B, J), L2-normalised."""
        embeddings: Tensor = self.image_head(features)
        return embeddings

    def embed_captions(self, features: Tensor) -> Tensor:
        """(B, D_caption) -> (B, J), L2-normalised."""
        embeddings: Tensor = self.caption_head(features)
        return embeddings


def build_heads(
    image_dim: int,
    caption_dim: int,
    joint_dim: int = 512,
    *,
    dropout: float,
    has_joint_space: bool,
    generator: torch.Generator,
) -> MatchingHeads:
    """Builds heads whose initial weights come from the given generator alone.

    PyTorch's layers draw from the global generator at construction, so this draws their weights again: uniform within
    1 / sqrt(fan in), as `nn.Linear` does.
    """
    heads = MatchingHeads(image_dim, caption_dim, joint_dim, dropout=dropout, has_joint_space=has_joint_space)
    zero_initialised = {id(head.mlp[-1]) for head in heads.children() if isinstance(head, ResidualHead)}
    with torch.no_grad():
        for module in heads.modules():
            if isinstance(module, nn.Linear) and id(module) not in zero_initialised:
                bound = module.in_features**-0.5
                module.weight.uniform_(-bound, bound, generator=generator)
                module.bias.uniform_(-bound, bound, generator=generator)
    return heads


def _scale_free_layer_norm(feature_dim: int) -> nn.LayerNorm:
    # Without scale and shift: the linear layers that follow hold both. This spares the gradient with respect to the
    # features, the widest of the step: a quarter of its time at D = 1280.
    return nn.LayerNorm(feature_dim, elementwise_affine=False)


def _mlp(input_dim: int, hidden_dim: int, output_dim: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(input_dim, hidden_dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden_dim, output_dim)
    )
