"""A linear layer over squared differences of contexts and words, without either ever being held for all pairs."""

from collections.abc import Iterator
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# What a chunk of differences takes: small enough to stay in a processor's cache from one operation to the next.
CHUNK_BYTES = 4 * 2**20


def linear_of_squared_difference(
    weights: Tensor, regions: Tensor, words: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """Computes (weights regions - words)^2 W^T + b for every image and word.

    The differences have J numbers an image and word, J / S times the result. They are made chunk by chunk in a buffer
    that stays in the cache, and made again for the gradient, which costs R / S of the layer itself.

    Args:
        weights: (I, V, R) float, weights of the regions in the context of each word.
        regions: (I, R, J).
        words: (V, J), what the contexts are compared with; the same for all images.
        weight: (S, J), W.
        bias: (S,), b.

    Returns:
        (I, V, S), in the precision of autocast where that is on. First derivatives only.
    """
    device = words.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else words.dtype
    result: Tensor = _LinearOfSquaredDifference.apply(weights, regions, words, weight, bias, dtype)
    return result


@final
class _LinearOfSquaredDifference(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # the base class leaves it untyped
        weights: Tensor,
        regions: Tensor,
        words: Tensor,
        weight: Tensor,
        bias: Tensor,
        dtype: torch.dtype,
    ) -> Tensor:
        ctx.save_for_backward(weights, regions, words, weight)
        ctx.dtype = dtype
        weights, regions, words, weight, bias = (x.to(dtype) for x in (weights, regions, words, weight, bias))
        n_images, n_words, _ = weights.shape
        result = words.new_empty(n_images, n_words, len(weight))
        transposed = weight.t()
        for images, buffer in _chunks(n_images, words):
            difference = _difference(weights[images], regions[images], words, buffer)
            rows = difference.mul_(difference).flatten(0, 1)  # (i V, J)
            torch.addmm(bias, rows, transposed, out=result[images].flatten(0, 1))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        # Sums over chunks are in the precision of the weights, the products in that of the forward pass.
        saved = ctx.saved_tensors
        of_words, of_weight = (torch.zeros_like(x) for x in saved[2:])
        weights, regions, words, weight = (x.to(ctx.dtype) for x in saved)
        of_weights, of_regions = weights.new_empty(weights.shape), torch.empty_like(regions)
        gradient = gradient.contiguous()
        squares = _buffer(len(weights), words)
        # The derivative of the square, 2 d, is split: the 2 into the weight, d below.
        twice = 2 * weight
        for images, buffer in _chunks(len(weights), words):
            difference = _difference(weights[images], regions[images], words, buffer)
            square = torch.mul(difference, difference, out=squares[: len(difference)])
            rows = gradient[images].flatten(0, 1)  # (i V, S)
            _add_product(of_weight, rows.t(), square.flatten(0, 1))
            torch.mm(rows, twice, out=square.flatten(0, 1))
            of_difference = square.mul_(difference)  # (i, V, J)
            of_words -= of_difference.sum(dim=0)
            torch.bmm(of_difference, regions[images].transpose(1, 2), out=of_weights[images])
            torch.bmm(weights[images].transpose(1, 2), of_difference, out=of_regions[images])
        return of_weights, of_regions, of_words, of_weight, gradient.sum(dim=(0, 1)), None


def _difference(weights: Tensor, regions: Tensor, words: Tensor, buffer: Tensor) -> Tensor:
    """(i, V, R), (i, R, J), (V, J) -> (i, V, J), context minus word, written into the buffer."""
    return torch.bmm(weights, regions, out=buffer).sub_(words)


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    if total.dtype is left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right


def _buffer(n_images: int, words: Tensor) -> Tensor:
    n_fitting = CHUNK_BYTES // (words.numel() * words.element_size())
    return words.new_empty(min(n_images, max(1, n_fitting)), *words.shape)


def _chunks(n_images: int, words: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Images that go through the buffer together, and the part of the buffer that they take."""
    buffer = _buffer(n_images, words)
    for start in range(0, n_images, len(buffer)):
        stop = min(start + len(buffer), n_images)
        yield slice(start, stop), buffer[: stop - start]
