"""Nodes from squared differences, without the differences ever being held for all pairs."""

from collections.abc import Iterator
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from crcl_core.models.matrix_product import product

_EPSILON = 1e-8
# What a chunk of differences takes: small enough to stay in a processor's cache from one operation to the next.
CHUNK_BYTES = 4 * 2**20


class Layer(NamedTuple):
    """A linear layer's weights."""

    weight: Tensor  # (S, J)
    bias: Tensor  # (S,)


class Compared(NamedTuple):
    """What nodes are made from: contexts with words, and images with captions as wholes."""

    context_weights: Tensor  # (I, C T, R), weights of an image's regions in the context of each word
    regions: Tensor  # (I, R, J)
    words: Tensor  # (C, T, J)
    image_globals: Tensor  # (I, J)
    caption_globals: Tensor  # (C, J)


def compare(compared: Compared, of_wholes: Layer, of_words: Layer) -> Tensor:
    """Computes norm(Linear((a - b)^2)) for every image with every caption, and for its context with every word.

    The differences have J numbers a node, J / S times the result. They are made chunk by chunk in a buffer that stays
    in the cache, and made again for the gradient, which costs R / S of the layer itself; of a node only its S numbers
    and its length are kept.

    Args:
        compared: What is compared.
        of_wholes: The layer of the global vectors.
        of_words: The layer of the contexts and words.

    Returns:
        (I, C, 1 + T, S), node 0 the one of the wholes; each of length 1, in the precision of the words. Under autocast
        the products are made in its precision. First derivatives only.
    """
    device = compared.words.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else compared.words.dtype
    nodes: Tensor
    nodes, _ = _Comparison.apply(dtype, *compared, *of_wholes, *of_words)
    return nodes


@final
class _Comparison(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *inputs: Tensor) -> tuple[Tensor, Tensor]:  # Any: as in the base class
        compared, of_wholes, of_words = _in_precision(inputs, dtype)
        words = inputs[2]
        n_images, (n_captions, n_words, _) = len(inputs[1]), words.shape
        nodes = words.new_empty(n_images, n_captions, 1 + n_words, len(of_words.bias))
        scales = words.new_empty(n_images, n_captions, 1 + n_words, 1)
        for images, buffer in _chunks(n_images, compared.caption_globals):
            difference = _difference_of_wholes(compared, images, buffer)
            _write_nodes(difference, of_wholes, nodes[images, :, :1], scales[images, :, :1])
        for images, buffer in _chunks(n_images, compared.words.flatten(0, 1)):
            difference = _difference_of_words(compared, images, buffer)
            _write_nodes(difference, of_words, nodes[images, :, 1:], scales[images, :, 1:])
        ctx.dtype = dtype
        ctx.save_for_backward(*inputs, nodes, scales)
        ctx.mark_non_differentiable(scales)
        return nodes, scales

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # Any: as in the base class
        *inputs, nodes, scales = ctx.saved_tensors
        compared, of_wholes, of_words = _in_precision(inputs, ctx.dtype)
        # Sums over chunks are in the precision of the weights, products in that of the forward pass.
        sums, sums_of_wholes, sums_of_words = _parted([torch.zeros_like(value) for value in inputs])
        n_images = len(nodes)
        square = _buffer(n_images, compared.caption_globals)
        for images, buffer in _chunks(n_images, compared.caption_globals):
            rows = _before_scaling(*(x[images, :, :1] for x in (gradient, nodes, scales))).to(ctx.dtype)
            difference = _difference_of_wholes(compared, images, buffer)
            of_difference = _differentiate(difference, square[: len(difference)], rows, of_wholes, sums_of_wholes)
            torch.sum(of_difference, dim=1, out=sums.image_globals[images])
            sums.caption_globals.sub_(of_difference.sum(dim=0))
        words = compared.words.flatten(0, 1)  # (V, J)
        square = _buffer(n_images, words)
        for images, buffer in _chunks(n_images, words):
            rows = _before_scaling(*(x[images, :, 1:] for x in (gradient, nodes, scales))).to(ctx.dtype)
            difference = _difference_of_words(compared, images, buffer)
            of_difference = _differentiate(difference, square[: len(difference)], rows, of_words, sums_of_words)
            weights, regions = compared.context_weights[images], compared.regions[images]
            _product_into(sums.context_weights[images], of_difference, regions.transpose(1, 2))
            _product_into(sums.regions[images], weights.transpose(1, 2), of_difference)
            sums.words.flatten(0, 1).sub_(of_difference.sum(dim=0))
        return None, *sums, *sums_of_wholes, *sums_of_words


def _parted(inputs: list[Tensor] | tuple[Tensor, ...]) -> tuple[Compared, Layer, Layer]:
    return Compared(*inputs[:5]), Layer(*inputs[5:7]), Layer(*inputs[7:])


def _in_precision(inputs: list[Tensor] | tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Compared, Layer, Layer]:
    return _parted([value.to(dtype) for value in inputs])


def _buffer(n_images: int, words: Tensor) -> Tensor:
    """Room for the differences of as many images from the words, (V, J), as a chunk holds; of one at least."""
    n_fitting = CHUNK_BYTES // (words.numel() * words.element_size())
    return words.new_empty(min(n_images, max(1, n_fitting)), *words.shape)


def _chunks(n_images: int, words: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Images whose differences are made together, and the room for them, the same each time."""
    buffer = _buffer(n_images, words)
    for start in range(0, n_images, len(buffer)):
        stop = min(start + len(buffer), n_images)
        yield slice(start, stop), buffer[: stop - start]


def _difference_of_wholes(compared: Compared, images: slice, buffer: Tensor) -> Tensor:
    return torch.sub(compared.image_globals[images].unsqueeze(1), compared.caption_globals, out=buffer)  # (i, C, J)


def _difference_of_words(compared: Compared, images: slice, buffer: Tensor) -> Tensor:
    contexts = torch.bmm(compared.context_weights[images], compared.regions[images], out=buffer)
    return contexts.sub_(compared.words.flatten(0, 1))  # (i, C T, J)


def _write_nodes(difference: Tensor, layer: Layer, nodes: Tensor, scales: Tensor) -> None:
    """Takes the differences of a chunk, which are overwritten, to nodes (i, C, n, S) and what scaled these to 1."""
    rows = difference.mul_(difference).flatten(0, 1)  # (i V, J)
    unscaled = product(rows, layer.weight.t(), layer.bias).view(nodes.shape)
    lengths = torch.linalg.vector_norm(unscaled, dim=-1, keepdim=True, dtype=nodes.dtype)
    torch.mul(unscaled, torch.reciprocal(lengths.add_(_EPSILON), out=scales), out=nodes)


def _before_scaling(gradient: Tensor, nodes: Tensor, scales: Tensor) -> Tensor:
    """Takes the gradient of nodes (i, C, n, S) to that of the rows (i C n, S) before they were scaled to length 1."""
    along = (gradient * nodes).sum(dim=-1, keepdim=True)
    return torch.addcmul(gradient, nodes, along, value=-1).mul_(scales).flatten(0, 2)


def _differentiate(difference: Tensor, square: Tensor, rows: Tensor, layer: Layer, sums: Layer) -> Tensor:
    """Adds a chunk's gradient of the layer to the sums; returns that of the differences. `square` is room."""
    torch.mul(difference, difference, out=square)
    sums.weight.add_(product(rows.t(), square.flatten(0, 1)))
    sums.bias.add_(rows.sum(dim=0))
    # The derivative of the square, 2 d, is split: the 2 into the narrow rows, d below.
    return product(rows.mul_(2), layer.weight).view(difference.shape).mul_(difference)


def _product_into(result: Tensor, left: Tensor, right: Tensor) -> None:
    if result.dtype is left.dtype:
        torch.bmm(left, right, out=result)
    else:
        result.copy_(left @ right)
