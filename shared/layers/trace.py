"""See into a recurrent layer: all that happens in it, and how far back its gradients reach.

    trace(layer, inputs)             hidden state, cell state and every gate at every timestep
    state_gradients(layer, inputs)   |dE_T/ds_k| for every k: how much of the error at timestep T
                                     arrives at the state of timestep k

Back-propagation through time sums over all earlier timesteps,

    dE_T/dW = sum over k of  dE_T/ds_T  (prod over j = k+1..T of ds_j/ds_{j-1})  ds_k/dW,

and whether timestep k is learned from at all hangs on the product in the middle: it vanishes or
explodes with T - k (Hochreiter 1991; Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio
2013). `state_gradients` measures dE_T/ds_T times that product.

Both run the cell itself, one timestep after the other: slow, exact, and for a look at a few
sequences. The layers have them as methods. On JAX and PyTorch, Keras turns float64 into float32 on
the way.
"""

import contextlib

import keras
import numpy as np
from keras import ops


class SeeThrough:
    """The two methods, for a recurrent layer whose cell notes down what it computes."""

    def trace(self, inputs, initial_state=None, mask=None):
        """Everything that happens inside; see `shared.layers.trace.trace`."""
        return trace(self, inputs, initial_state, mask)

    def state_gradients(self, inputs, loss=None, timestep=-1, initial_state=None, mask=None):
        """Norms of dE_T/ds_k; see `shared.layers.trace.state_gradients`."""
        return state_gradients(self, inputs, loss, timestep, initial_state, mask)


class Notes:
    """For a cell: a place to note down what a step computes, read by whoever listens."""

    listener = None

    def note(self, **computed):
        if self.listener is not None:
            self.listener(computed)


def trace(layer, inputs, initial_state=None, mask=None):
    """Everything that happens inside a recurrent layer, without dropout.

    Args:
        layer: a recurrent layer of ours.
        inputs: (batch, timesteps, features).
        initial_state: a tensor (batch, units) for each part of the state; zeros if None.
        mask: (batch, timesteps), False where a timestep is passed over.

    Returns:
        A dictionary of NumPy arrays, each (batch, timesteps, units), in the order of computation
        (with `go_backwards` from the last timestep to the first):

            SimpleRNN  hidden_state
            LSTM       hidden_state, cell_state, input_gate, forget_gate, candidate, output_gate
            GRU        hidden_state, update_gate, reset_gate, candidate
            MinGRU     hidden_state, update_gate, candidate

        Where the mask passes a timestep over, states are those of the timestep before, and gates
        are zero, as nothing came of them.

    Raises:
        ValueError: if `inputs` aren't of three dimensions.
    """
    inputs, states, mask = _prepare(layer, inputs, initial_state, mask)
    names = _state_names(states)
    history = []
    for t in _order(layer, inputs):
        computed, states = _step(layer.cell, inputs[:, t], states, mask, t)
        history.append({**dict(zip(names, states, strict=True)), **computed})
    return {
        name: np.stack([_numpy(computed[name]) for computed in history], axis=1)
        for name in history[0]
    }


def state_gradients(layer, inputs, loss=None, timestep=-1, initial_state=None, mask=None):
    """The norms of dE_T/ds_k, the gradient of an error with respect to every earlier state.

    s_k is what timestep k hands on to timestep k + 1: h, and for the LSTM h and c, each with a
    norm of its own. The norm for the LSTM's c_k leaves out what passes through h_k, and so shows
    what flows along the cell state alone.

    Args:
        layer: a recurrent layer of ours.
        inputs: (batch, timesteps, features).
        loss: function from the hidden state at `timestep`, a tensor (batch, units), to E_T, in
            `keras.ops`: one number per example, or their sum. The sum over units if None.
        timestep: T, in the order of computation; the last one if -1.
        initial_state: a tensor (batch, units) for each part of the state; zeros if None.
        mask: (batch, timesteps), False where a timestep is passed over.

    Returns:
        A dictionary of NumPy arrays (batch, timesteps): "hidden_state" with |dE_T/dh_k| and for
        the LSTM "cell_state" with |dE_T/dc_k|. Zero for k > T. Where the loss takes the mean over
        the batch, every norm is that much smaller.

    Raises:
        ValueError: if `inputs` aren't of three dimensions.
        IndexError: if there is no such timestep.
    """
    inputs, first, mask = _prepare(layer, inputs, initial_state, mask)
    order = _order(layer, inputs)
    read_at = range(len(order))[timestep]
    loss = loss or (lambda hidden: ops.sum(hidden, axis=-1))

    def error(shifts):
        """E_T with every state s_k shifted: its gradient at no shift is dE_T/ds_k."""
        states = first
        for t, shift in zip(order, shifts, strict=False):
            _, states = _step(layer.cell, inputs[:, t], states, mask, t)
            states = [state + by for state, by in zip(states, shift, strict=True)]
        return ops.sum(loss(states[0]))

    nothing = [[ops.zeros_like(state) for state in first] for _ in range(read_at + 1)]
    found = gradients(error, nothing)
    norms = {}
    for part, name in enumerate(_state_names(first)):
        # In float64, since the squares of what has nearly vanished are zero in float32.
        of_timesteps = [
            np.linalg.norm(_numpy(of_state[part]).astype("float64"), axis=-1) for of_state in found
        ]
        later = [np.zeros_like(of_timesteps[0])] * (len(order) - len(of_timesteps))
        norms[name] = np.stack(of_timesteps + later, axis=1)
    return norms


def _prepare(layer, inputs, initial_state, mask):
    """Tensors in the layer's precision, the first states as a list, the layer built."""
    inputs = ops.convert_to_tensor(inputs, dtype=layer.compute_dtype)
    if len(inputs.shape) != 3:
        raise ValueError(f"Give (batch, timesteps, features), not a shape of {inputs.shape}.")
    if not layer.built:
        layer.build(inputs.shape)
    if initial_state is None:
        states = layer.get_initial_state(inputs.shape[0])
    else:
        states = keras.tree.flatten(initial_state)
    states = [ops.convert_to_tensor(state, dtype=layer.compute_dtype) for state in states]
    if mask is not None:
        mask = ops.convert_to_tensor(mask, dtype="bool")
    return inputs, states, mask


def _order(layer, inputs):
    timesteps = range(inputs.shape[1])
    return timesteps[::-1] if layer.go_backwards else timesteps


def _state_names(states):
    return ("hidden_state", "cell_state")[: len(states)]


def _step(cell, x, states, mask, t):
    """One timestep: the gates by name, and the new states."""
    with _listening(cell) as computed:
        _, new_states = cell(x, list(states), training=False)
    if mask is None:
        return computed, list(new_states)
    here = mask[:, t, None]
    computed = {
        name: ops.where(here, gate, ops.zeros_like(gate)) for name, gate in computed.items()
    }
    kept = [ops.where(here, new, old) for new, old in zip(new_states, states, strict=True)]
    return computed, kept


@contextlib.contextmanager
def _listening(cell):
    heard = {}
    cell.listener = heard.update
    try:
        yield heard
    finally:
        cell.listener = None


def gradients(function, tensors):
    """The gradient of a scalar function at nested tensors, nested likewise, on any backend."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(tensors)
        return tape.gradient(value, tensors, unconnected_gradients="zero")
    if backend == "jax":
        import jax

        return jax.grad(function)(tensors)
    import torch

    flat = [tensor.requires_grad_() for tensor in keras.tree.flatten(tensors)]
    with torch.enable_grad():
        gradients = torch.autograd.grad(function(tensors), flat, allow_unused=True)
    gradients = [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(flat, gradients, strict=True)
    ]
    return keras.tree.pack_sequence_as(tensors, gradients)


def _numpy(tensor):
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return ops.convert_to_numpy(tensor if dtype == "float64" else ops.cast(tensor, "float32"))
