"""The recurrences that come with PyTorch: cuDNN on a GPU, PyTorch's own fused loops on a CPU.

They take the weights transposed and for the GRU in the order r, z, candidate. Gradients flow
through the rearrangement by autograd. Instead of a mask they take sequences packed, longest first
and without their padding: that suits masks like those of `cudnn.fits`. For any other mask the
reference computes.
"""

import torch
from torch.nn.utils import rnn

from . import cudnn, reference


def run(equations, sequences, states, kernel, recurrent_kernel, bias, mask, **hints):
    """As `reference.run`, on PyTorch."""
    weights = (kernel, recurrent_kernel, bias)
    if mask is not None and (mask.is_meta or not cudnn.fits(mask)):  # meta: only shapes are asked
        return reference.run(equations, sequences, states, *weights, mask)
    outputs, *last = _run_fused(equations, sequences, states, *weights, mask)
    if sequences.is_cuda and not torch.compiler.is_compiling():
        outputs, *last = map(refuse_second_derivative, (outputs, *last))
    return outputs, last


def refuse_second_derivative(output):
    """Raise an error where the gradient of a gradient through this tensor is asked for.

    The backward pass of cuDNN has no derivative. PyTorch computes gradients with gradients enabled
    only where they are to be differentiated again.
    """

    def check(gradient):
        if torch.is_grad_enabled():
            raise NotImplementedError(
                "cuDNN computes no gradient of a gradient. Make the layer with loop='reference'."
            )

    if output.requires_grad:
        output.register_hook(check)
    return output


def _run_fused(equations, sequences, states, kernel, recurrent_kernel, bias, mask):
    """-> outputs, and each part of the last state."""
    fused = getattr(torch._VF, equations.fused)
    settings = (
        parameters(equations, kernel, recurrent_kernel, bias),
        True,  # has biases
        1,  # layers
        0.0,  # dropout between layers
        torch.is_grad_enabled(),  # keep what the backward pass needs
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
    if equations.fused == "gru":
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
