"""What a matching model is: it scores images against captions, and losses and labels know nothing else about it."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class MatchingModel(nn.Module, ABC):
    """A model that scores every image of a batch against every caption of it.

    Losses, label correction and evaluation know `similarities` alone. What an image and a caption are is between the
    model and its features: a global vector (B, D) or regions (B, R, D) float32; a vector (B, D) float32 or word ids
    (B, T) int64, padded with 0 behind.
    """

    @abstractmethod
    def similarities(self, images: Tensor, captions: Tensor) -> Tensor:
        """Scores (B_images, ...) against (B_captions, ...) -> (B_images, B_captions) in [-1, 1], higher = closer."""

    def forward(self, images: Tensor, captions: Tensor) -> Tensor:
        """`similarities`; distributed training wraps `forward` and nothing else."""
        return self.similarities(images, captions)


class EmbeddingModel(MatchingModel):
    """A matching model whose similarity is the dot product of two vectors, so that a retrieval index can hold them."""

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """J, the width of the embeddings."""

    @abstractmethod
    def embed_images(self, images: Tensor) -> Tensor:
        """(B, ...) -> (B, J), L2-normalised."""

    @abstractmethod
    def embed_captions(self, captions: Tensor) -> Tensor:
        """(B, ...) -> (B, J), L2-normalised."""

    def similarities(self, images: Tensor, captions: Tensor) -> Tensor:
        """Scores (B_images, ...) against (B_captions, ...) -> (B_images, B_captions) cosines in [-1, 1]."""
        embedded_images, embedded_captions = self.embed_images(images), self.embed_captions(captions)
        # Outside autocast: at temperature 0.05 the rounding of bfloat16 would move a probability by some percent.
        with torch.autocast(embedded_images.device.type, enabled=False):
            return embedded_images.float() @ embedded_captions.float().t()
