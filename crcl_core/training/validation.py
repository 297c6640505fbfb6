"""How well a model retrieves pairs that its round did not train on."""

import numpy as np
import torch
from torch import Tensor

from crcl_core.data import PairFeatures
from crcl_core.evaluation import weighted_recall, weighted_recall_of_embeddings
from crcl_core.models import EmbeddingModel, MatchingModel
from crcl_core.training.embedding import embed_captions, embed_images, similarity_matrix
from crcl_core.types import DoubleArray


def held_out_r_sum(
    model: MatchingModel, features: PairFeatures, held_out: Tensor, weights: DoubleArray, device: torch.device
) -> float:
    """Sums R@1, R@5 and R@10 of both directions over held-out pairs, each pair counting by its weight.

    A pair that is probably mismatched should not be retrieved; weighing by the labels keeps it from choosing the model.

    Args:
        model: Left in evaluation mode, on the device.
        features: The whole corpus.
        held_out: (n,) int64, the pairs; only their images and captions compete.
        weights: (n,) float64, 0 or more; all pairs count alike when all are 0.
        device: Where to embed.

    Returns:
        r_sum in [0, 600].
    """
    image_rows, image_index = np.unique(features.image_index[held_out.numpy()], return_inverse=True)
    caption_rows, caption_index = np.unique(features.caption_index[held_out.numpy()], return_inverse=True)
    images, captions = features.image_features, features.caption_features
    counting = weights if weights.any() else np.ones_like(weights)
    if isinstance(model, EmbeddingModel):
        embedded_images = embed_images(model, images, rows=image_rows, device=device)
        embedded_captions = embed_captions(model, captions, rows=caption_rows, device=device)
        return weighted_recall_of_embeddings(
            embedded_images, embedded_captions, image_index, caption_index, counting
        ).r_sum
    similarities = similarity_matrix(
        model, images, captions, image_rows=image_rows, caption_rows=caption_rows, device=device
    )
    return weighted_recall(similarities, image_index, caption_index, counting).r_sum
