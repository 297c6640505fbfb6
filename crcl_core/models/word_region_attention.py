"""What a word looks at in an image: the weights of the regions in the word's context, for many pairs at once."""

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from crcl_core.models.matrix_product import linear

_NEGATIVE_SLOPE = 0.1
_SMOOTHING = 9.0
_EPSILON = 1e-8
# Below this a squared length counts as zero; its root's gradient would be infinite.
_LEAST_SQUARE = 1e-30


def attention_weights(words: Tensor, is_word: Tensor, regions: Tensor) -> Tensor:
    """Weighs the regions of each image for each word of each caption.

    The products of regions and words pass a leaky rectifier (0.1), are scaled to length 1 over the words of their
    caption, and 9 times that goes through a softmax over the regions.

    Args:
        words: (C, T, J) float, each of length 1.
        is_word: (C, T) bool; False behind a caption's last word.
        regions: (I, R, J) float, each of length 1.

    Returns:
        (C, T, I, R) in [0, 1], each word's weights of an image's regions adding to 1; behind the last word 1 / R.

    Source: SGRAF (AAAI 2021), "Similarity Representation Learning"; the attention is SCAN's (ECCV 2018), text to image.
    """
    n_captions, n_words, joint_dim = words.shape
    n_images, n_regions, _ = regions.shape
    # One product for all pairs: (C T, J) x (J, I R).
    products = linear(words.reshape(-1, joint_dim), regions.reshape(-1, joint_dim))
    products = products.view(n_captions, n_words, n_images, n_regions)
    # Behind the last word the products are set to 0, so they add nothing to the length over the words.
    rectified = leaky_relu(products, _NEGATIVE_SLOPE) * is_word[:, :, None, None]
    over_words: Tensor = torch.linalg.vector_norm(rectified, dim=1, keepdim=True)  # (C, 1, I, R)
    return (rectified * (_SMOOTHING / (over_words + _EPSILON))).softmax(dim=-1)


def unit_context_weights(weights: Tensor, region_products: Tensor) -> Tensor:
    """Scales attention weights so that the sum they weigh, the context of the word, has the length 1.

    The length of a weighted sum follows from the products of the regions among themselves, R x R numbers an image, so
    that no context need be written down to be measured.

    Args:
        weights: (C, T, I, R), see `attention_weights`.
        region_products: (I, R, R), the products of each image's regions among themselves.

    Returns:
        (I, C T, R): row t of image i holds the weights of the regions of i in the normalised context of word t.
    """
    n_captions, n_words, n_images, n_regions = weights.shape
    by_image = weights.view(n_captions * n_words, n_images, n_regions).transpose(0, 1)  # (I, C T, R)
    squares = ((by_image @ region_products) * by_image).sum(dim=-1, keepdim=True)  # (I, C T, 1)
    return by_image / (squares.clamp_min(_LEAST_SQUARE).sqrt() + _EPSILON)
