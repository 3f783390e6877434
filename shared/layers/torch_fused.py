"""The recurrences that come with PyTorch: cuDNN on a GPU, PyTorch's own fused loops on a CPU.

They take the weights transposed and for the GRU in the order r, z, candidate. Gradients flow
through the rearrangement by autograd. Instead of a mask they take sequences packed, longest first
and without their padding: that suits masks like those of `cudnn.fits`. For any other mask the
reference computes.
"""

import torch
from torch.nn.utils import rnn

from . import bptt, cudnn, reference


def run(equations, sequences, states, kernel, recurrent_kernel, bias, mask, **hints):
    """As `reference.run`, on PyTorch."""
    sources = (sequences, *states, kernel, recurrent_kernel, bias)

    def by_reference(sequences, *sources):
        states, weights = sources[:-3], sources[-3:]
        outputs, last = reference.run(equations, sequences, states, *weights, mask)
        return outputs, *last

    def by_fused(sequences, *sources):
        return _run_fused(equations, sequences, sources[:-3], *sources[-3:], mask)

    if mask is not None and (mask.is_meta or not cudnn.fits(mask)):  # meta: only shapes are asked
        outputs, *last = by_reference(*sources)
    elif sequences.is_cuda and not torch.compiler.is_compiling():
        outputs, *last = with_second_order(by_fused, by_reference, *sources)
    else:
        outputs, *last = by_fused(*sources)
    return outputs, last


def with_second_order(once, twice, *sources):
    """`once(*sources)`, several tensors, and for a gradient of its gradient that of `twice`.

    cuDNN's way back can't be differentiated. PyTorch lets a way back know whether it is to be:
    then the same is computed anew by `twice`.
    """
    if torch.is_grad_enabled() and any(source.requires_grad for source in sources):
        return _WithSecondOrder.apply(once, twice, *sources)
    return once(*sources)


class _WithSecondOrder(torch.autograd.Function):
    @staticmethod
    def forward(context, once, twice, *sources):
        context.twice = twice
        context.inside = [s.detach().requires_grad_(s.requires_grad) for s in sources]
        with torch.enable_grad():
            context.results = once(*context.inside)
        context.save_for_backward(*sources)
        return tuple(result.detach() for result in context.results)

    @staticmethod
    def backward(context, *upstream):
        again = torch.is_grad_enabled()
        sources = context.saved_tensors if again else context.inside
        results = context.twice(*sources) if again else context.results
        needed = context.needs_input_grad[2:]
        wanted = [source for source, need in zip(sources, needed, strict=True) if need]
        found = iter(
            torch.autograd.grad(results, wanted, upstream, create_graph=again, retain_graph=True)
        )
        return None, None, *(next(found) if need else None for need in needed)


def _run_fused(equations, sequences, states, kernel, recurrent_kernel, bias, mask):
    """-> outputs, and each part of the last state."""
    fused = {
        bptt.SimpleRNNEquations: torch._VF.rnn_tanh,
        bptt.LSTMEquations: torch._VF.lstm,
        bptt.GRUEquations: torch._VF.gru,
    }[equations]
    settings = (
        parameters(equations, kernel, recurrent_kernel, bias),
        True,  # has biases
        1,  # layers
        0.0,  # dropout between layers
        torch.is_grad_enabled(),  # keep what the way back needs
        False,  # bidirectional
    )
    if mask is not None:
        return _run_packed(fused, sequences, states, mask, settings)
    outputs, *last = fused(sequences.contiguous(), _start(states), *settings, True)  # batch first
    return outputs, *(state[0] for state in last)


def parameters(equations, kernel, recurrent_kernel, bias):
    """U, W and their biases as PyTorch takes them: views of one row, in the order of
    `cudnn.parameters`. From a row, cuDNN starts at once; else PyTorch makes one at every call."""
    # In PyTorch's own operations, as this runs at every call: with those of Keras, a call of the
    # layer takes a tenth longer.
    weights = [kernel, recurrent_kernel]
    biases = [bias, torch.zeros_like(bias)]
    if equations is bptt.GRUEquations:
        weights = [_reset_gate_first(weight) for weight in weights]
        biases = [_reset_gate_first(part) for part in bias]
    parts = [*(weight.T for weight in weights), *biases]
    row = torch.cat([part.reshape(-1) for part in parts])
    places = row.split([part.numel() for part in parts])
    return [place.view(part.shape) for place, part in zip(places, parts, strict=True)]


def _run_packed(fused, sequences, states, mask, settings):
    """Without the padding, for which the last state is shown."""
    packed = rnn.pack_padded_sequence(
        sequences, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False
    )
    start = _start([state[packed.sorted_indices] for state in states])
    data, *last = fused(packed.data, packed.batch_sizes, start, *settings)
    outputs, _ = rnn.pad_packed_sequence(
        packed._replace(data=data), batch_first=True, total_length=sequences.shape[1]
    )
    last = [state[0][packed.unsorted_indices] for state in last]
    return outputs.where(mask[:, :, None], last[0][:, None]), *last


def _start(states):
    """Initial states as the kernels take them: a pair, or the one there is."""
    start = [state[None].contiguous() for state in states]
    return start if len(start) > 1 else start[0]


def _reset_gate_first(weight):
    """[z r h] -> [r z h] along the last axis."""
    update, reset, candidate = torch.chunk(weight, 3, dim=-1)
    return torch.cat([reset, update, candidate], dim=-1)
