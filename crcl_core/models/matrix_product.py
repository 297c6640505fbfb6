"""Products of matrices by the faster of PyTorch's two libraries on the CPU."""

from typing import Any, final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Fewer multiplications than these are over sooner by the plain product, which has less to prepare.
_FEWEST_MULTIPLICATIONS = 2**21


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Computes left @ right + bias; nothing for a gradient is kept.

    PyTorch gives float32 products on the CPU to MKL, which on AMD's processors uses half of their vector width; oneDNN,
    which PyTorch carries too, uses all of it: 220 against 105 billion operations a second and core of an EPYC 9005 at
    1,020 x 1,024 x 256. PyTorch's compiler reaches oneDNN by an operator for dense arrays that has no public name (the
    public way, through arrays in oneDNN's own layout, loses most of it again to conversions). Where that operator or
    AVX-512 is missing, and in any other precision or place, this is the plain product.

    Args:
        left: (M, K).
        right: (K, N), of the same precision.
        bias: (N,) or None.

    Returns:
        (M, N), a new array.
    """
    if _suits_onednn(left, right):
        bias = None if bias is None else bias.contiguous()  # the operator reads a strided bias as if it were dense
        result: Tensor = torch.ops.mkldnn._linear_pointwise(_dense(left), _dense(right).t(), bias, "none", [], "")  # noqa: SLF001
        return result
    return left @ right if bias is None else torch.addmm(bias, left, right)


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Computes inputs W^T + b as `torch.nn.functional.linear` does, but by `product`, its gradient too.

    Args:
        inputs: (..., K) float.
        weight: (N, K), W.
        bias: (N,) or None.

    Returns:
        (..., N). First derivatives only where oneDNN computes them.
    """
    rows = inputs.reshape(-1, inputs.shape[-1])
    if torch.is_autocast_enabled(inputs.device.type) or not _suits_onednn(rows, weight.t()):
        return torch.nn.functional.linear(inputs, weight, bias)
    result: Tensor = _Linear.apply(rows, weight, bias)
    return result.view(*inputs.shape[:-1], len(weight))


@final
class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # Any: as in the base class
        ctx.save_for_backward(rows, weight)
        return product(rows, weight.t(), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # Any: as in the base class
        rows, weight = ctx.saved_tensors
        return (
            product(gradient, weight) if ctx.needs_input_grad[0] else None,
            product(gradient.t(), rows) if ctx.needs_input_grad[1] else None,
            gradient.sum(dim=0) if ctx.needs_input_grad[2] else None,
        )


def _dense(matrix: Tensor) -> Tensor:
    # Rows or columns may lie in a row; of gaps between them oneDNN makes a product a hundred times as slow.
    return matrix if matrix.is_contiguous() or matrix.t().is_contiguous() else matrix.contiguous()


def _suits_onednn(left: Tensor, right: Tensor) -> bool:
    return (
        left.device.type == "cpu"
        and left.dtype is right.dtype is torch.float32
        and left.shape[0] * right.numel() >= _FEWEST_MULTIPLICATIONS
        and _HAS_ONEDNN
    )


_HAS_ONEDNN = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # PyTorch leaves it without types
    and torch.backends.cpu.get_cpu_capability() == "AVX512"
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)
