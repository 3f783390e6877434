"""The recurrences that come with PyTorch: cuDNN on a GPU, PyTorch's own fused loops on a CPU.

They take the weights transposed and for the GRU in the order r, z, candidate, and know no masks.
Gradients flow through the rearrangement by autograd.
"""

from . import bptt


def run(equations, sequences, states, kernel, recurrent_kernel, bias, mask, **hints):
    """As `reference.run`, on PyTorch and without a mask."""
    import torch

    weights = [kernel, recurrent_kernel]
    biases = [bias, torch.zeros_like(bias)]
    if equations is bptt.GRUEquations:
        weights = [_reset_gate_first(weight) for weight in weights]
        biases = [_reset_gate_first(part) for part in bias]
    parameters = [weight.T.contiguous() for weight in weights] + [b.contiguous() for b in biases]
    fused = {
        bptt.SimpleRNNEquations: torch._VF.rnn_tanh,
        bptt.LSTMEquations: torch._VF.lstm,
        bptt.GRUEquations: torch._VF.gru,
    }[equations]
    start = [state[None].contiguous() for state in states]
    outputs, *last = fused(
        sequences.contiguous(),
        start if len(start) > 1 else start[0],
        parameters,
        True,  # has biases
        1,  # layers
        0.0,  # dropout between layers
        torch.is_grad_enabled(),  # keep what the way back needs
        False,  # bidirectional
        True,  # batch first
    )
    return outputs, [state[0] for state in last]


def _reset_gate_first(weight):
    """[z r h] -> [r z h] along the last axis."""
    import torch

    update, reset, candidate = torch.chunk(weight, 3, dim=-1)
    return torch.cat([reset, update, candidate], dim=-1)
