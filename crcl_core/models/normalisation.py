"""The one norm that the paper's base models share."""

import torch
from torch import Tensor

_EPSILON = 1e-8


def scaled_to_unit(vectors: Tensor) -> Tensor:
    """Scales the vectors along the last axis to length 1; a vector of zeros stays zeros.

    Args:
        vectors: (..., D), any floating dtype.

    Returns:
        x / (sqrt(sum x^2) + 1e-8), of the same shape and dtype. The gradient at a vector of zeros is finite.

    Source: the norm of VSE-infinity and SGRAF. PyTorch's `normalize` bounds the length from below; this adds to it.
    """
    # This norm has the subgradient 0 at zeros, where the root of a sum of squares has none.
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / (lengths + _EPSILON)
