"""VSE-infinity: regions and words, each pooled by learned weights into one vector."""

from typing import final

import torch
from torch import Tensor

from crcl_core.models.bidirectional_gru import valid_positions
from crcl_core.models.generalized_pooling import GeneralizedPooling
from crcl_core.models.matching_model import EmbeddingModel
from crcl_core.models.normalisation import scaled_to_unit
from crcl_core.models.region_projection import RegionProjection
from crcl_core.models.word_encoder import WordEncoder


@final
class VseInfinity(EmbeddingModel):
    """Embeds images from their regions and captions from their words; the similarity is the cosine.

    The number of regions is data: it may differ from batch to batch, and from image to image by region rows of zeros,
    which count as absent.

    Args:
        region_dim: D, width of a region's features.
        vocabulary_size: Number of token ids, the padding 0 included.
        joint_dim: J, an even number; the paper takes 1024.
        word_dim: Width of the word embedding; the paper takes 300.

    Raises:
        ValueError: A size is not positive, or joint_dim is odd.

    Source: Chen et al., "Learning the Best Pooling Strategy for Visual Semantic Embedding", CVPR 2021, as
    CRCL takes it. The reference also counts the paddings of images with dropped regions in the statistics of batch
    normalisation; here only regions count.
    """

    def __init__(self, *, region_dim: int, vocabulary_size: int, joint_dim: int = 1024, word_dim: int = 300) -> None:
        super().__init__()
        self.region_projection = RegionProjection(region_dim, joint_dim)
        self.region_pooling = GeneralizedPooling()
        self.word_encoder = WordEncoder(vocabulary_size, word_dim, joint_dim)
        self.word_pooling = GeneralizedPooling()

    @property
    def embedding_dim(self) -> int:
        """J, the width of the embeddings."""
        return self.word_encoder.joint_dim

    def embed_images(self, images: Tensor) -> Tensor:
        """Embeds images.

        Args:
            images: (B, R, D) float32. A region row that is all zeros counts as absent and is left out of everything,
                the statistics of the batch too; an image of zeros alone keeps its first region.

        Returns:
            (B, J), L2-normalised.
        """
        is_present = present_regions(images)
        lengths = is_present.sum(dim=1)
        if bool(is_present.all()):
            regions = self.region_projection(images.flatten(0, 1)).view(
                self.embedding_dim, *is_present.shape
            )  # (J, B, R)
        else:
            regions = _padded(self.region_projection(images[is_present]), lengths)
        return scaled_to_unit(self.region_pooling(regions, lengths))

    def embed_captions(self, captions: Tensor) -> Tensor:
        """Embeds captions.

        Args:
            captions: (B, T) int64 token ids, padded behind with 0.

        Returns:
            (B, J), L2-normalised.

        Raises:
            ValueError: A caption has no token, or a padding before its last one.
        """
        words, lengths = self.word_encoder(captions)
        return scaled_to_unit(self.word_pooling(words.permute(2, 0, 1).contiguous(), lengths))


def present_regions(images: Tensor) -> Tensor:
    """Tells the regions of images from rows of zeros.

    Args:
        images: (B, R, D) float.

    Returns:
        (B, R) bool. An image of zeros alone has its first region.
    """
    is_present: Tensor = torch.linalg.vector_norm(images, ord=1, dim=2) != 0
    is_present[:, 0] |= ~is_present.any(dim=1)
    return is_present


def _padded(regions: Tensor, lengths: Tensor) -> Tensor:
    """(J, V), the present regions of all images in a row -> (J, B, n), zeros behind an image's last region."""
    is_filled = valid_positions(lengths, int(lengths.max()))
    padded = regions.new_zeros(len(regions), is_filled.numel())
    return padded.index_copy(1, is_filled.flatten().nonzero().squeeze(1), regions).view(len(regions), *is_filled.shape)
