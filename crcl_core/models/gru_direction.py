"""One direction of a GRU over packed rows: the products that must follow one another, and as few others as possible."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import once_differentiable


class GruWeights(NamedTuple):
    """One direction's weights as `nn.GRU` holds them: the rows of reset gate, update gate and new state in turn."""

    input_weight: Tensor  # (3 J, D)
    hidden_weight: Tensor  # (3 J, J)
    input_bias: Tensor  # (3 J,)
    hidden_bias: Tensor  # (3 J,)


def run_direction(packed: Tensor, weights: GruWeights, step_sizes: Sequence[int], *, is_backward: bool) -> Tensor:
    """Runs a GRU from zeros over packed rows, on any device; made for the CPU.

    With r, z, n the reset gate, update gate and new state, h the state, W the input's weights and U the state's:
    r = sigmoid(W_r x + U_r h), z alike, n = tanh(W_n x + r (U_n h)), h' = (1 - z) n + z h, each product with its bias.

    Args:
        packed: (V, D) float, step by step, as `Packing` stores them.
        weights: The direction's weights.
        step_sizes: Rows that each step holds, never rising; V in sum.
        is_backward: Whether each row is read from its last element to its first.

    Returns:
        (V, J), each element's state after it was read; bfloat16 under autocast. First derivatives only.
    """
    states: Tensor = _GruDirection.apply(packed, *weights, tuple(step_sizes), is_backward)
    return states


class _Step(NamedTuple):
    """The elements that one step reads, and whose states they continue."""

    elements: slice
    continued: slice  # the first of the elements: those whose rows were read before
    before: slice  # the elements that those rows read before
    n_continued: int


class _Trace(NamedTuple):
    """What a run leaves for its gradient, a row an element."""

    hidden_weight: Tensor  # (3 J, J)
    gates: Tensor  # (V, 3 J): r, z and n
    new_of_state: Tensor  # (V, J): U_n h with its bias
    previous: Tensor  # (V, J): h


class _Gradients(NamedTuple):
    states: Tensor  # (V, J), with respect to h'; earlier steps' rows gather what later steps send back
    gates: Tensor  # (V, 3 J), with respect to U_r h, U_z h and U_n h
    new: Tensor  # (V, J), with respect to what tanh takes


@final
class _GruDirection(torch.autograd.Function):
    # PyTorch's own kernel for the CPU adds the weights' gradient up after every step, 12 MB each time at J = 1024, and
    # multiplies the zeros that rows start from. Here the gradient of all steps is one product, and starts cost nothing:
    # 0.48 s against 0.73 s forward and backward for 128 captions of 8 to 19 words, D = 300, on 2 threads.

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)  # type: ignore[untyped-decorator]  # torch's own
    def forward(
        ctx: Any,  # the base class leaves it untyped
        packed: Tensor,
        input_weight: Tensor,
        hidden_weight: Tensor,
        input_bias: Tensor,
        hidden_bias: Tensor,
        step_sizes: tuple[int, ...],
        is_backward: bool,
    ) -> Tensor:
        width = hidden_weight.shape[1]
        bias = input_bias.clone()
        bias[: 2 * width] += hidden_bias[: 2 * width]
        trace = _Trace(
            hidden_weight,
            torch.addmm(bias, packed, input_weight.t()),  # `_advance` turns W x into r, z and n
            hidden_bias[2 * width :].repeat(len(packed), 1),
            packed.new_zeros(len(packed), width),
        )
        states = packed.new_empty(len(packed), width)
        for step in _steps(step_sizes, is_backward=is_backward):
            _advance(step, trace, states)
        ctx.save_for_backward(packed, input_weight, *trace)
        ctx.order = (step_sizes, is_backward)
        return states

    @staticmethod
    @custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]  # torch's own
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor | None, ...]:
        packed, input_weight, *traced = ctx.saved_tensors
        trace = _Trace(*traced)
        step_sizes, is_backward = ctx.order
        grads = _Gradients(
            grad_states.clone(memory_format=torch.contiguous_format),
            torch.empty_like(trace.gates),
            torch.empty_like(trace.previous),
        )
        for step in reversed(_steps(step_sizes, is_backward=is_backward)):
            _retreat(step, trace, grads)
        grad_hidden_weight = grads.gates.t() @ trace.previous
        grad_hidden_bias = grads.gates.sum(dim=0)
        # The products of the input differ in one gate: r scales the state's share of the new state alone.
        grads.gates[:, 2 * trace.previous.shape[1] :] = grads.new
        grad_packed = grads.gates @ input_weight if ctx.needs_input_grad[0] else None
        grad_input_weight = grads.gates.t() @ packed
        return grad_packed, grad_input_weight, grad_hidden_weight, grads.gates.sum(dim=0), grad_hidden_bias, None, None


def _steps(step_sizes: Sequence[int], *, is_backward: bool) -> list[_Step]:
    """The steps in the order in which they run."""
    starts = list(accumulate(step_sizes, initial=0))
    order = range(len(step_sizes))
    steps = []
    start_before = n_before = 0
    for index in reversed(order) if is_backward else order:
        start, n_elements = starts[index], step_sizes[index]
        # Onward the shorter rows have ended; backward they have not begun. Either way it is the first rows that go on.
        n_continued = min(n_before, n_elements)
        steps.append(
            _Step(
                slice(start, start + n_elements),
                slice(start, start + n_continued),
                slice(start_before, start_before + n_continued),
                n_continued,
            )
        )
        start_before, n_before = start, n_elements
    return steps


def _advance(step: _Step, trace: _Trace, states: Tensor) -> None:
    """Reads one step's elements: fills their `states`, and what the trace keeps of them."""
    width = states.shape[1]
    before, weight = states[step.before], trace.hidden_weight
    trace.previous[step.continued] = before
    trace.gates[step.continued, : 2 * width].addmm_(before, weight[: 2 * width].t())
    trace.new_of_state[step.continued].addmm_(before, weight[2 * width :].t())
    gates = trace.gates[step.elements]
    gates[:, : 2 * width].sigmoid_()
    reset, update, new = gates.chunk(3, dim=1)
    new.addcmul_(reset, trace.new_of_state[step.elements]).tanh_()
    torch.lerp(new, trace.previous[step.elements], update, out=states[step.elements])


def _retreat(step: _Step, trace: _Trace, grads: _Gradients) -> None:
    """Takes one step's gradient apart, and sends the state's share back to the step that ran before it."""
    reset, update, new = trace.gates[step.elements].chunk(3, dim=1)
    grad_reset, grad_update, grad_new_of_state = grads.gates[step.elements].chunk(3, dim=1)
    grad, grad_new = grads.states[step.elements], grads.new[step.elements]
    sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
    torch.ops.aten.tanh_backward.grad_input(grad - grad * update, new, grad_input=grad_new)
    torch.mul(grad_new, reset, out=grad_new_of_state)
    sigmoid_backward(grad_new * trace.new_of_state[step.elements], reset, grad_input=grad_reset)
    sigmoid_backward(grad * (trace.previous[step.elements] - new), update, grad_input=grad_update)
    n = step.n_continued
    grad_before = grads.states[step.before].addcmul_(grad[:n], update[:n])
    grad_before.addmm_(grads.gates[step.continued], trace.hidden_weight)
