"""The loop over time in `keras.ops`, with a backward pass written by hand, on every backend.

Read `equations.py` first for what a step is. Here a `scan` walks the timesteps forward and keeps
states and gates; a second one walks backward over what was kept. What lies outside the loop (the
input's product, slicing) is left to the backend's own differentiation.

Every faster loop is tested against this one.
"""

import itertools

import keras
from keras import ops

from .equations import masked_backward_step, masked_step


def run(equations, sequences, states, kernel, recurrent_kernel, bias, mask, **hints):
    """Run a recurrence over all timesteps.

    Args:
        equations: the `Equations` of a cell.
        sequences: (batch, timesteps, features), in the order to be read.
        states: the initial state, each part (batch, units).
        kernel, recurrent_kernel, bias: the weights of the cell, as `weights_of` gives them.
        mask: (batch, timesteps) booleans or None.
        hints: what lets other loops save work; without effect here.

    Returns:
        Hidden states (batch, timesteps, units), and the list of the parts of the last state.
    """
    products = ops.transpose(ops.matmul(sequences, kernel), (1, 0, 2))
    sources = [products, recurrent_kernel, bias, *states]
    if mask is not None:
        sources.append(ops.transpose(ops.cast(mask, products.dtype))[:, :, None])
    joined = ops.custom_gradient(_recurrence(equations))(*sources)
    parts = ops.split(joined, equations.states, axis=-1)
    return ops.transpose(parts[0], (1, 0, 2)), [part[-1] for part in parts]


def _recurrence(equations):
    """The function from products (timesteps, batch, gates * units), W, b, initial states and
    perhaps a mask (timesteps, batch, 1) to the states of all timesteps, side by side
    (timesteps, batch, states * units), with its gradient. One tensor, because custom gradients
    take no more on PyTorch."""

    def recurrence(*sources):
        kept = _forward(equations, *sources)

        def gradient(*arguments, upstream=None):
            upstream = arguments[-1] if upstream is None else upstream
            if _is_differentiated_again():
                return _backward(equations, _forward(equations, *arguments), upstream, *arguments)
            return _backward(equations, kept, upstream, *sources)

        return ops.concatenate(kept[: equations.states], axis=-1), gradient

    return recurrence


def _is_differentiated_again():
    """Whether PyTorch will differentiate the gradient that it asks for.

    It can follow the gradient back to its sources only if all of it is computed from them then.
    The other backends have traced the forward pass, and know how what was kept came about.
    """
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.is_grad_enabled()


def _forward(equations, products, recurrent_kernel, bias, *states_and_mask):
    """States and records of all timesteps, each (timesteps, batch, ...)."""
    states, mask = _apart(equations, states_and_mask)
    products, bias, *weights = equations.folded(products, recurrent_kernel, bias)
    carry = [*states]
    if equations.kept:  # part of the carry, as scan on TensorFlow returns nothing else
        carry.append(ops.tile(ops.zeros_like(states[0]), (1, equations.kept)))

    def step(carry, now):
        x, here = now if mask is not None else (now[0], None)
        here = None if here is None else here > 0
        states, record = masked_step(equations, x, tuple(carry[: equations.states]), weights, here)
        carry = [*states, record] if equations.kept else [*states]
        return carry, carry

    products = products + bias
    return _scan(step, carry, [products] if mask is None else [products, mask])[1]


def _backward(equations, kept, upstream, products, recurrent_kernel, bias, *states_and_mask):
    """Gradients of all sources, from that of the states of all timesteps."""
    states, mask = _apart(equations, states_and_mask)
    after = kept[: equations.states]
    before = [ops.concatenate([s[None], a[:-1]]) for s, a in zip(states, after, strict=True)]
    record = kept[-1] if equations.kept else after[0]
    recurrent_transposed = ops.transpose(recurrent_kernel)
    inputs = [*ops.split(upstream, equations.states, axis=-1), *before, *after, record]
    count = equations.states

    def step(carry, now):
        d_outputs, before, after = (tuple(now[n * count : (n + 1) * count]) for n in range(3))
        gradients = tuple(c + d for c, d in zip(carry[:count], d_outputs, strict=True))
        here = None if mask is None else now[-1] > 0
        dz, gradients = masked_backward_step(
            equations, now[3 * count], before, after, gradients, recurrent_transposed, here
        )
        carry = [*gradients, dz]
        return carry, carry

    width = max(equations.kept, 1)
    start = [ops.zeros_like(s) for s in states] + [ops.tile(ops.zeros_like(states[0]), (1, width))]
    last, found = _scan(step, start, inputs if mask is None else [*inputs, mask], reverse=True)
    of_input, of_state = equations.parts(found[-1])
    d_recurrent = ops.zeros_like(recurrent_kernel)
    if recurrent_kernel.shape[-1]:  # a cell may have no recurrent weights
        d_recurrent = ops.matmul(
            ops.transpose(ops.reshape(before[0], (-1, before[0].shape[-1]))),
            ops.reshape(of_state, (-1, of_state.shape[-1])),
        )
    d_bias = equations.bias_gradient(ops.sum(of_input, axis=(0, 1)), ops.sum(of_state, axis=(0, 1)))
    gradients = (of_input, d_recurrent, d_bias, *last[:count])
    return gradients if mask is None else (*gradients, ops.zeros_like(mask))


def _scan(step, carry, sequences, reverse=False):
    """`ops.scan` over sequences (timesteps, batch, ...), also where nobody knows how many steps.

    TensorFlow's takes only a single sequence then: all of them side by side.
    """
    if sequences[0].shape[0] is not None or len(sequences) == 1:
        return ops.scan(step, carry, sequences, reverse=reverse)
    ends = list(itertools.accumulate(sequence.shape[-1] for sequence in sequences))

    def step_of_one(carry, now):
        return step(carry, ops.split(now, ends[:-1], axis=-1))

    return ops.scan(step_of_one, carry, ops.concatenate(sequences, axis=-1), reverse=reverse)


def _apart(equations, states_and_mask):
    """Initial states, and the mask or None."""
    states = states_and_mask[: equations.states]
    rest = states_and_mask[equations.states :]
    return states, rest[0] if len(rest) and len(rest[0].shape) == 3 else None
